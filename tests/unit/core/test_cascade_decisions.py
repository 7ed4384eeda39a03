"""What is decided for agents with cheap models before a strong one, fact by fact."""

from dataclasses import replace

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.cascades import Cascade
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import cascades
from flowmatik.core.brain.adapting import model_of
from flowmatik.core.brain.commands import StartCall
from flowmatik.core.deltas.shown import is_answering
from flowmatik.core.replay import replay
from tests.histories import cascading
from tests.histories.playing import Player

LOOKED_AT = Cascade(models=("custom/a", "custom/b"), strong="custom/big", verify=True)


def test_what_a_person_says_while_drafts_are_under_way_comes_after_the_turn_that_they_settle() -> None:
    player = Player(cascading.new(6, cascading.PAIR), priced=20)
    cascading.said(player, "It is Ana.")
    player.fact(ev.MessageReceived(thread="thr_1", number=2, text="And Eva?"))
    cascading.said(player, "It is Ana.")
    task = player.state.tasks["a"]
    assert task.loop is not None
    assert [one.content for one in task.loop.messages[-2:]] == ["It is Ana.", "And Eva?"]
    assert [call.tool_call_id for call in player.state.open.values()] == ["2.0", "2.1"]
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_of_drafts_nothing_is_told_to_who_watches() -> None:
    player = Player(cascading.new(6, cascading.PAIR), priced=20)
    assert not any(is_answering(call, player.state) for call in player.state.open.values())
    cascading.said(player, "It is Ana.")
    cascading.said(player, "It is Eva.")
    assert is_answering(player.open("think"), player.state)


def test_a_run_of_an_older_version_asks_no_cheap_model() -> None:
    player = Player(cascading.new(5, cascading.PAIR), priced=20)
    assert [call.purpose for call in player.state.open.values()] == ["think"]


def test_a_run_that_must_be_frugal_goes_by_the_frugal_model_alone() -> None:
    frugal = replace(cascading.PAIR, frugal_model="custom/small", cascade=LOOKED_AT)
    player = Player(cascading.new(6, frugal), priced=20)
    state, task = player.state, player.state.tasks["a"]
    state.adapting.frugal = True
    task.model, task.drafts = model_of(state, frugal), {}
    (call,) = cascades.ask(state, task, ReducerLoop())
    assert isinstance(call, StartCall)
    assert (call.name, call.purpose) == ("custom/small", "think")
    assert not cascades.escalates(task)


def test_what_acts_is_not_done_again_by_the_strong_model() -> None:
    player = Player(cascading.new(6, cascading.LONE), priced=20)
    task = player.state.tasks["a"]
    assert cascades.escalates(task)
    task.spec = replace(task.spec, effect=Effect.ONCE)
    assert not cascades.escalates(task)
