"""Who may see a document, from what a source says of people."""

import re
from collections.abc import Iterable

from flowmatik.kernel.errors import DocumentError

EVERYBODY = "*"
_KNOWN = re.compile(r"(user|team|role|group):[^\s]{1,200}")
_MAIL = re.compile(r"[^\s@:]+@[^\s@:]+")


def user(mail: str) -> str:
    """ "" for what is no address. People are known to this installation by it as their user name."""
    mail = mail.strip().lower()
    return f"user:{mail}" if _MAIL.fullmatch(mail) and len(mail) <= 200 else ""


def group(name: str) -> str:
    """Of a group elsewhere; a team of the same name is it here. "" for what cannot be one."""
    name = re.sub(r"\s+", "-", name.strip()).lower()
    return f"group:{name}" if 0 < len(name) <= 200 else ""


def named(path: str, given: Iterable[str]) -> tuple[str, ...]:
    """Principals as they are written in a column of a source; an address alone is a user, `*` everybody.
    Raises DocumentError (`document.acl`) when nobody is named, so that a mistake opens nothing."""
    found: list[str] = []
    for one in (one.strip() for one in given):
        if one == EVERYBODY:
            return ()
        if not one:
            continue
        principal = one if _KNOWN.fullmatch(one) else user(one)
        if not principal:
            raise nobody(path, f"{one[:100]!r} is no user, team, role or group")
        found.append(principal)
    if not found:
        raise nobody(path, "it names nobody")
    return tuple(dict.fromkeys(found))


def nobody(path: str, why: str) -> DocumentError:
    return DocumentError(
        f"{path}: who may see it is not known: {why}; it is left out rather than shown to everybody",
        code="document.acl",
        context={"why": why},
    )
