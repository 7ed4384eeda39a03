"""A run's history for people: one line for each event, and what a replay decided otherwise."""

import re
from typing import Any, cast

from flowmatik.app.cli.session import Session
from flowmatik.kernel.events import CloudEvent

LONGEST = 80
DIFFERENCE = re.compile(r"seq (?P<seq>\d+): (?P<found>.*) ≠ (?P<expected>.*)", re.DOTALL)
WORDS = ("message", "why", "reason")  # where an event says in English what its code says


def event_line(session: Session, event: CloudEvent) -> str:
    """In the person's language; an event that the catalogue does not know as it stands."""
    kind = event.type.rpartition(".")[2]
    plain = {
        name: _short(value)
        for name, value in event.data.items()
        if isinstance(value, (str, int, float, bool)) and value != ""
    }
    otherwise = f"{kind} {', '.join(f'{name}={value}' for name, value in plain.items())}".rstrip()
    said = session.text.said(f"event.{kind}", plain | _in_words(session, event.data), otherwise)
    return f"{event.seq:>4} {event.time[11:23]} {said}"


def difference_line(session: Session, difference: str) -> str:
    parts = DIFFERENCE.fullmatch(difference)
    if parts is None:
        return difference
    expected = parts["expected"]
    nothing = session.text("runs.nothing")
    return session.text(
        "runs.difference",
        seq=parts["seq"],
        found=parts["found"],
        expected=nothing if expected == "nothing" else expected,
    )


def _in_words(session: Session, data: dict[str, Any]) -> dict[str, str]:
    """What an event says of itself, by its code."""
    text = next((str(data[name]) for name in WORDS if data.get(name)), "")
    values = cast("dict[str, Any]", data.get("values") or {})
    if reason := data.get("reason_code"):
        said = session.text.said(f"plan.{reason}", values, "") or session.text.fault(reason, values, text)
    else:
        said = session.text.fault(data.get("code") or "", values, text)
    words = {"said": _short(said)} if said else {}
    if "passed" in data:
        words["verdict"] = session.text("event.passed" if data["passed"] else "event.not_passed")
    return words


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
