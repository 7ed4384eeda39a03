"""What shared caps are of, in writing, and what day and month it is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flowmatik.contracts.budgets import Bearing
from flowmatik.core import cap_scopes
from flowmatik.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    "scope",
    ["workspace", "workspace/day", "agent:clerk", "user:usr_1/month", "team:sales/day", "provider:openai"],
)
def test_a_scope_is_read_and_written_alike(scope: str) -> None:
    assert str(cap_scopes.parse(scope)) == scope


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "month",
        "user",
        "user:",
        "user:a b",
        "user:a:b",
        "user:a/week",
        "user:a/day/day",
        "workspace:x",
        "workspace/day:2026-11-28",
        "Team:sales",
        "team:\x1b[2J",
        "user:" + "x" * 300,
    ],
)
def test_what_is_no_scope_is_refused_by_its_words(scope: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        cap_scopes.parse(scope)
    assert (refused.value.code, refused.value.context) == ("input.budget_scope", {"scope": scope})


def test_days_and_months_are_those_of_utc() -> None:
    here = datetime(2026, 12, 31, 22, 30, tzinfo=timezone(-timedelta(hours=5)))
    day, month = (cap_scopes.period_of(each, here) for each in ("day", "month"))
    assert (day.name, day.begins, day.ends) == (
        "2027-01-01",
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 2, tzinfo=UTC),
    )
    assert (month.name, month.ends) == ("2027-01", datetime(2027, 2, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("user:a/day:2026-11-28", ("user:a/day", "2026-11-28")),
        ("workspace/month:2026-11", ("workspace/month", "2026-11")),
        ("month:2026-11", ("month", "2026-11")),
        ("user:a/day", ("user:a/day", "")),
        ("agent:clerk", ("agent:clerk", "")),
        ("workspace", ("workspace", "")),
    ],
)
def test_a_row_is_told_apart_into_scope_and_period(row: str, parts: tuple[str, str]) -> None:
    assert cap_scopes.parts_of(row) == parts


def test_a_call_is_borne_by_all_that_it_is_of_and_by_nothing_else() -> None:
    who = Bearing(principals=("usr_1", "key_1"), teams=("sales",))
    capped = {
        "workspace", "workspace/day", "workspace/day:2026-11-28", "month", "agent:clerk", "agent:cook",
        "user:usr_1/day", "user:key_1", "user:usr_2", "team:sales/month", "team:law", "provider:openai",
        "provider:other",
    }  # fmt: skip
    assert cap_scopes.bearing("clerk", ["openai"], who, capped) == [
        "agent:clerk",
        "month",
        "provider:openai",
        "team:sales/month",
        "user:key_1",
        "user:usr_1/day",
        "workspace",
        "workspace/day",
    ]
