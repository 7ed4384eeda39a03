"""Help in the person's language: commands carry text keys, this fills the texts in."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.app.texts import Texts

PREFIX = "help."


def localise(command: Any, text: Texts) -> None:
    """Replace every `help.…` key of a built command, its parameters and its subcommands.
    `command` is Typer's vendored Click command, which has no public type."""
    if isinstance(command.help, str) and command.help.strip().startswith(PREFIX):
        command.help = text(command.help.strip())
    for parameter in command.params:
        shown = getattr(parameter, "help", None)
        if isinstance(shown, str) and shown.startswith(PREFIX):
            parameter.help = text(shown)
    for child in cast("Mapping[str, Any]", getattr(command, "commands", {})).values():
        localise(child, text)
