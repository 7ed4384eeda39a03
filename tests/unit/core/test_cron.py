"""When schedules fire, also on the days on which the clocks change."""

from datetime import datetime
from itertools import islice, pairwise

import pytest

from flowmatik.core.cron import Timetable
from flowmatik.kernel.errors import InvalidInput

MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # The hour from 2 to 3 is left out.
        (
            "30 2 * * *",
            MADRID,
            "2026-03-28T12:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        (
            "30 2 * * *",
            NEW_YORK,
            "2026-03-07T12:00-05:00",
            ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
        ),
        (
            "*/30 * * * *",
            MADRID,
            "2026-03-29T01:10+01:00",
            ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"],
        ),
        (
            "0,30 2,3 * * *",
            MADRID,
            "2026-03-28T12:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"],
        ),
        # An hour comes twice.
        (
            "30 2 * * *",
            MADRID,
            "2026-10-24T12:00+02:00",
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
        ("30 2 * * *", MADRID, "2026-10-25T02:10+01:00", ["2026-10-26T02:30:00+01:00"]),
        (
            "30 1 * * *",
            NEW_YORK,
            "2026-10-31T12:00-04:00",
            ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
        ),
        ("30 1 * * *", NEW_YORK, "2026-11-01T01:20-05:00", ["2026-11-02T01:30:00-05:00"]),
        (
            "@hourly",
            MADRID,
            "2026-10-25T01:10+02:00",
            ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
        ),
        # And the rest of the year.
        ("@Daily", MADRID, "2026-06-01T00:00+02:00", ["2026-06-02T00:00:00+02:00"]),
        ("0 9 * * MON-FRI", "UTC", "2026-06-05T09:00+00:00", ["2026-06-08T09:00:00+00:00"]),
        ("0 0 29 2 *", "UTC", "2026-06-05T09:00+00:00", ["2028-02-29T00:00:00+00:00"]),
    ],
)
def test_the_next_times(cron: str, zone: str, after: str, expected: list[str]) -> None:
    timetable = Timetable(cron, zone)
    found = [timetable.local(one) for one in islice(timetable.after(at(after)), len(expected))]
    assert found == expected


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "15 1,2,3 * * *", "0 * * * *"])
def test_a_year_goes_forward_alone_and_begins_anywhere_with_the_same_times(cron: str, zone: str) -> None:
    timetable = Timetable(cron, zone)
    year = list(islice(timetable.after(at("2026-01-01T00:00+00:00")), 2000))
    assert all(one < two for one, two in pairwise(year))
    for one, two in zip(year[::7], year[1::7], strict=False):
        assert timetable.next(one) == timetable.next(two - 1) == two


def test_what_was_missed_is_what_is_not_too_old_and_the_newest_hundred_of_it() -> None:
    timetable = Timetable("* * * * *", "UTC")
    assert timetable.missed(60, 200, oldest=0) == [60, 120, 180]
    assert timetable.missed(60, 180, oldest=61) == [120, 180]
    assert timetable.missed(60, 60, oldest=-100) == [60]
    long = timetable.missed(60, 60 * 5000, oldest=0)
    assert (len(long), long[-1]) == (100, 60 * 5000)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* * 30 2 *",
        "@often",
        "٣ * * * *",
        "a b c d e",
        "*/0 * * * *",
    ],
    ids=ascii,
)
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Timetable(cron, "UTC")
    assert caught.value.code == "input.cron"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "/", "a\0b"], ids=ascii)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Timetable("@daily", zone)
    assert caught.value.code == "input.timezone"
