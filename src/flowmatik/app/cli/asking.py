"""Questions of yes or no, in the person's language."""

import typer

from flowmatik.app.cli.session import Session

YES = ("y", "yes", "s", "si", "sí")
NO = ("", "n", "no")


def agreed(session: Session, question: str) -> bool:
    """Asked on stderr until it is answered; nothing typed is a no. English and Spanish are both understood,
    whichever is spoken."""
    while True:
        said = str(
            typer.prompt(f"{question} [{session.text('ask.hint')}]", default="", show_default=False, err=True)
        )
        if said.strip().casefold() in (*YES, *NO):
            return said.strip().casefold() in YES
        session.say("ask.again")
