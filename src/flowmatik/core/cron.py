"""When a schedule fires."""

import itertools
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from flowmatik.contracts.schedules import MAX_CAUGHT_UP
from flowmatik.kernel.errors import InvalidInput

MAX_CRON_CHARACTERS = 200
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class Timetable:
    """The firings of a cron expression in a time zone, in Unix seconds.

    Raises InvalidInput (`input.cron`, `input.timezone`).
    """

    def __init__(self, cron: str, timezone: str) -> None:
        self._cron = ALIASES.get(cron.strip().lower(), cron)
        self._zone = _zone(timezone)
        if len(cron) > MAX_CRON_CHARACTERS or not cron.isascii() or len(self._cron.split()) != 5:
            raise _no_cron(cron, "it has five fields")
        try:
            CronSim(self._cron, datetime(2000, 1, 1, tzinfo=self._zone))
        except (CronSimError, ValueError, AssertionError) as error:
            raise _no_cron(cron, str(error)) from error

    def after(self, seconds: int) -> Iterator[int]:
        """Ascending; ends where the expression can hold no more."""
        last = seconds
        try:
            for moment in CronSim(self._cron, datetime.fromtimestamp(seconds, UTC).astimezone(self._zone)):
                at = int(moment.timestamp())
                if at > last:  # in an hour that comes twice it counts by the clock on the wall
                    yield at
                    last = at
        except OverflowError:  # the end of the calendar
            return

    def next(self, seconds: int) -> int | None:
        return next(self.after(seconds), None)

    def missed(self, first: int, upto: int, *, oldest: int) -> list[int]:
        """The firings from `first` to `upto` that are not older than `oldest`, the newest MAX_CAUGHT_UP."""
        begun = itertools.takewhile(lambda at: at <= upto, self.after(max(first, oldest) - 1))
        return list(deque(begun, maxlen=MAX_CAUGHT_UP))

    def local(self, seconds: int) -> str:
        """RFC 3339, as the clocks of the zone show it."""
        return datetime.fromtimestamp(seconds, UTC).astimezone(self._zone).isoformat()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"there is no time zone {name[:100]!a}; give an IANA name such as Europe/Madrid or UTC",
            code="input.timezone",
            context={"value": ascii(name[:100])},
        ) from error


def _no_cron(cron: str, said: str) -> InvalidInput:
    return InvalidInput(
        f"{cron[:100]!a} is no cron expression ({said}); write for instance `30 8 * * MON-FRI` or @hourly",
        code="input.cron",
        context={"value": ascii(cron[:100]), "said": said},
    )
