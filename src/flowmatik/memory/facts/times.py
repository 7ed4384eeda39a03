"""Times of facts, as text that sorts by time: with microseconds, in UTC, with bounds for what has none."""

from datetime import UTC, datetime, timedelta

from flowmatik.kernel.errors import InvalidInput

EVER = "0001-01-01T00:00:00.000000Z"
FOREVER = "9999-12-31T23:59:59.999999Z"
LATEST = "9999-12-31T23:59:59.999998Z"  # what is known now is known then
_TICK = timedelta(microseconds=1)


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def after(now: str, last: str) -> str:
    """`now`, or the first moment after `last` if the clock has gone back: recorded times only grow."""
    return now if now > last else text_of(moment_of(last) + _TICK)


def parsed(text: str, name: str) -> str:
    """A date (its first moment, UTC) or an RFC 3339 time. Raises InvalidInput (`input.fact.time`)."""
    try:
        moment = datetime.fromisoformat(text.strip())
        dated = len(text.strip()) == len("2026-01-31")
        if moment.tzinfo is None and not dated:
            raise ValueError(text)
        return text_of(moment.replace(tzinfo=UTC) if dated else moment)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{name}: {text[:60]!r} is neither a date like 2026-01-31 nor a time like 2026-01-31T08:00:00Z",
            code="input.fact.time",
            context={"field": name, "value": text[:60]},
        ) from error


def shown(text: str) -> str:
    """ "" where there is no bound."""
    return "" if text in (EVER, FOREVER) else text
