"""Limits as an administrator sets them: over HTTP, on the command line, and what they refuse."""

import json
from pathlib import Path

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent
from flowmatik.core.limits import COUNT_SECONDS, Backlog
from flowmatik.kernel.errors import Unavailable
from flowmatik.testing.clock import SkippingClock
from tests.e2e.cli import make_home
from tests.e2e.within import flowmatik

WS = "default"


def said(home: Path, *arguments: str) -> tuple[int, str, str]:
    done = flowmatik("--home", str(home), "--json", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("limits") / "home", "--no-examples")


def test_a_limit_is_set_shown_and_lifted(home: Path) -> None:
    assert said(home, "limits", "set", "model:m", "--per-minute", "60", "--burst", "5")[0] == 0
    assert said(home, "limits", "set", "runs", "--most", "4", "--weight", "2", "--everywhere")[0] == 0
    items = json.loads(said(home, "limits", "list")[1])["items"]
    assert [(one["workspace_id"], one["scope"], one["most"], one["per_minute"]) for one in items] == [
        ("", "runs", 4, None),
        (WS, "model:m", None, 60.0),
    ]
    assert said(home, "limits", "lift", "runs", "--everywhere")[0] == 0
    code, _, told = said(home, "limits", "lift", "runs")
    assert (code, "there is no limit 'runs'" in told) == (3, True)


def test_a_weight_stays_until_another_one_is_given_and_may_be_that_of_another_workspace(home: Path) -> None:
    assert said(home, "limits", "set", "runs", "--weight", "3", "--workspace", "acme")[0] == 0
    assert said(home, "limits", "set", "runs", "--most", "5", "--workspace", "acme")[0] == 0
    items = json.loads(said(home, "limits", "list", "--workspace", "acme")[1])["items"]
    assert [(one["most"], one["weight"]) for one in items if one["workspace_id"] == "acme"] == [(5, 3.0)]
    own = json.loads(said(home, "limits", "list")[1])["items"]
    assert not [one for one in own if one["workspace_id"] == "acme"]
    assert said(home, "limits", "lift", "runs", "--workspace", "acme")[0] == 0
    left = json.loads(said(home, "limits", "list", "--workspace", "acme")[1])["items"]
    assert not [one for one in left if one["workspace_id"] == "acme"]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["everything", "--most", "1"], "everything"),
        (["runs"], "must limit something"),
        (["runs", "--most", "-1"], "-1"),
        (["runs", "--per-minute", "3"], "'3'"),
        (["queued", "--most", "5", "--weight", "2"], "'2'"),
        (["tool:t", "--per-minute", "5", "--burst", "0"], "0"),
    ],
)
def test_a_limit_that_means_nothing_is_refused_by_name(home: Path, arguments: list[str], value: str) -> None:
    code, _, told = said(home, "limits", "set", *arguments)
    assert code == 2
    assert value in told


async def test_more_runs_than_may_wait_are_refused_and_told_when_to_come_again() -> None:
    clock = SkippingClock()
    journal = InMemoryJournal(clock)
    backlog = Backlog(journal, KnownLimits(journal, clock), clock)
    await journal.set_limit(Limit(workspace_id=WS, scope="queued", most=2))
    for number in range(2):
        await backlog.check(WS)
        await journal.create(waiting(number))
        await clock.sleep(COUNT_SECONDS)
    with pytest.raises(Unavailable) as refused:
        await backlog.check(WS)
    assert (refused.value.code, refused.value.context["retry_after"]) == ("rate.queued", 5)
    await backlog.check("other")


def waiting(number: int) -> Creation:
    event = NewEvent(type="X", payload="{}")
    return Creation(run_id=f"run_{number}", workspace_id=WS, goal="g", idempotency_key="", events=(event,))
