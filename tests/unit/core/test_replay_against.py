"""A recorded run is decided under another version: of each task the first difference, and no effects."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, ReplayReport
from flowmatik.core import events as ev
from flowmatik.core.against import replay_against, version_named, with_agent
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.testing.models import ScriptedModels
from tests.histories import stories
from tests.histories.playing import Player
from tests.unit.core.engines import running_engine

WS = "default"
LOOP = ReducerLoop()
FIXED = replace(stories.POET, version="f" * 12, instructions="Write shortly.")


def under(player: Player, version: int) -> ReplayReport:
    created = player.events[0]
    assert isinstance(created, ev.RunCreated)
    history = player.stored()
    return replay_against("run_1", history, replace(created, decision_version=version), LOOP, str(version))


def test_under_its_own_version_nothing_differs() -> None:
    for story, versions in stories.STORIES.items():
        for version in versions:
            assert under(story(version), version).differences == (), story.__name__


def test_a_plan_that_would_be_another_one_parts_the_whole_history_at_once() -> None:
    report = under(stories.a_ranking(3), 4)
    (difference,) = report.details
    assert (difference.task_id, report.against) == ("", "4")
    assert "PlanAdopted" in difference.recorded
    assert '"skill":"documents"' in difference.recorded
    assert '"skill":"tables"' in difference.decided
    assert report.differences == (f"seq {difference.seq}: {difference.recorded} ≠ {difference.decided}",)


def test_an_end_that_would_be_another_one_is_told() -> None:
    (difference,) = under(stories.several_ends(3), 4).details
    assert "RunSucceeded" in difference.recorded
    assert difference.task_id == ""


def test_a_reply_that_would_be_told_back_is_a_difference_of_its_task() -> None:
    (difference,) = under(stories.cut_off(3), 4).details
    assert (difference.task_id, difference.decided) == ("t1", "call think t1")
    assert difference.recorded.startswith("TaskSucceeded")


def test_of_several_tasks_that_part_each_is_told_once_and_the_others_not() -> None:
    tasks = tuple(PlanTask(id=name, objective="o", agent="poet") for name in ("a", "b"))
    other = PlanTask(id="c", objective="o", agent="reader", criteria=())
    player = Player(stories.new(4, plan=(*tasks, other)))
    for _ in range(2):
        player.say("think", ModelReply(text="", tool_calls=stories.wish("send").tool_calls))
    player.say("think", '{"found": true, "text": "x"}')
    for _ in range(2):
        player.say("think", "Done.")
    assert player.state.ended
    created = player.events[0]
    assert isinstance(created, ev.RunCreated)
    report = replay_against("run_1", player.stored(), with_agent(created, FIXED, {}), LOOP, FIXED.ref())
    assert [one.task_id for one in report.details] == ["a", "b"]
    assert all("request" in one.decided for one in report.details)
    assert report.against == "poet@ffffffffffff"


def test_requests_of_versions_that_did_not_keep_them_are_no_differences() -> None:
    assert under(stories.one_agent(3), 5).differences == ()


def test_a_version_is_a_number_that_is_known_or_the_newest() -> None:
    assert version_named("newest") == ev.DECISION_VERSION
    assert version_named("3") == 3
    assert version_named("writer@1a2b") is None
    for wrong in ("0", str(ev.DECISION_VERSION + 1), "99999999999999999999"):
        with pytest.raises(InvalidInput) as refused:
            version_named(wrong)
        assert refused.value.code == "input.against"


async def test_a_caller_names_a_version_an_agent_of_the_catalogue_or_one_that_is_in_none() -> None:
    agents = (stories.POET,)
    models = ScriptedModels(lambda _: ModelReply(text="Ana."))
    async with running_engine(models=models, agents=agents, loop=LOOP) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="Who signs?", agent="poet"))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        asked, head = len(models.requests), (await engine.runs.get(WS, run_id)).head_seq
        for same in ("newest", "4", stories.POET.ref(), "poet"):
            assert (await engine.runs.replay(WS, run_id, against=same)).differences == ()
        report = await engine.runs.replay(WS, run_id, against=FIXED)
        assert [one.task_id for one in report.details] == ["t1"]
        with pytest.raises(InvalidInput) as refused:
            await engine.runs.replay(WS, run_id, against=stories.READER)
        assert refused.value.code == "input.against_agent"
        with pytest.raises(NotFound):
            await engine.runs.replay(WS, run_id, against="nobody@123")
        assert len(models.requests) == asked, "nothing is asked"
        assert (await engine.runs.get(WS, run_id)).head_seq == head, "and nothing is written"
