"""What `flowmatik mcp` and `flowmatik openapi` share: they change files of the home, on its own machine. What
is to be started there, or called behind its firewall, is for whoever administers that machine."""

from collections.abc import Sequence

from flowmatik.app.cli.session import Session
from flowmatik.app.settings import Settings
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import InvalidInput


def local_settings(session: Session) -> Settings:
    """Raises InvalidInput (`input.local_only`) with --url."""
    if session.url:
        raise InvalidInput(
            f"this changes files of the server's home; do it on its machine, without --url {session.url}",
            code="input.local_only",
            context={"url": session.url},
        )
    return session.settings()


def pairs_of(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """Of `NAME=VALUE`. Raises InvalidInput (`input.pair`)."""
    found: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise InvalidInput(
                f"{option} {one!r}: write NAME=VALUE",
                code="input.pair",
                context={"option": option, "value": one},
            )
        found[name] = value
    return found


def effects_of(given: Sequence[str] | None) -> dict[str, str]:
    """Of `TOOL=EFFECT`. Raises InvalidInput (`input.effect`)."""
    found = pairs_of(given, "--effect")
    for name, value in found.items():
        if value not in list(Effect):
            known = ", ".join(Effect)
            raise InvalidInput(
                f"--effect {name}={value}: use one of {known}",
                code="input.effect",
                context={"name": name, "value": value, "known": known},
            )
    return found


def entry_of(**given: object) -> dict[str, object]:
    """What was said, without what was not."""
    return {name: value for name, value in given.items() if value}
