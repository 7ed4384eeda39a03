"""Times and statuses as the stores keep them: text that sorts by time, seconds for deadlines."""

from datetime import UTC, datetime

from flowmatik.contracts.runs import RunStatus
from flowmatik.kernel.errors import InvalidInput

ENDED = frozenset(status.value for status in RunStatus if status.ended)


def text_of(moment: datetime) -> str:
    """RFC 3339 UTC with microseconds always present, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Unix seconds of RFC 3339 text; InvalidInput when it is none or lacks a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is no RFC 3339 time; write it like 2026-01-31T08:00:00Z",
            code="input.time",
            context={"text": text},
        ) from error
    if moment.tzinfo is None:
        raise InvalidInput(
            f"the time {text!r} has no zone; end it with Z or an offset",
            code="input.time",
            context={"text": text},
        )
    return moment.timestamp()
