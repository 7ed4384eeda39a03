"""What a run of a conversation asks, remembers and takes in."""

from dataclasses import replace

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import LoopDone
from flowmatik.core import events as ev
from flowmatik.core.brain.conversation import remember, takes
from flowmatik.core.brain.thread_memory import KEY, thread_memory
from flowmatik.core.engine.inputs import facts_of
from flowmatik.core.fold.advice import key_of
from flowmatik.core.journal.port import Input
from flowmatik.core.replay import replay
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from tests.histories import conversing
from tests.histories.playing import AT, Player


def message(thread: str = "thr_1", earlier: tuple[int, ...] = ()) -> Input:
    body = {"thread": thread, "number": 31, "text": "More.", "author": "usr_1", "earlier": [*earlier]}
    return Input(
        input_no=1, input_id="message:thr_1:31", kind="message", payload=canonical.dumps(body), at=AT
    )


def prompt(player: Player) -> str:
    task = next(iter(player.state.tasks.values()))
    assert task.loop is not None
    return str(task.loop.messages[1].content)


def test_the_memory_is_where_the_fold_puts_it() -> None:
    assert key_of("thread") == KEY


def test_every_story_is_decided_again_as_it_was() -> None:
    for story in (
        conversing.spoken_to,
        conversing.remembered_by_rule,
        conversing.nobody_remembers,
        conversing.no_summary,
    ):
        player = story(6)
        assert player.state.answer is not None
        assert not replay("run_1", player.stored(), ReducerLoop()).differences


def test_a_model_summarises_what_is_old_and_the_rule_does_where_it_cannot() -> None:
    told = conversing.spoken_to(6)
    assert '"summary":"They speak of invoices A and B."' in prompt(told)
    assert ev.ThreadSummarised(thread="thr_1", upto=13, text="They speak of invoices A and B.") in told.events
    ruled = conversing.no_summary(6)
    assert '"summary":"They speak of invoices.\\nperson: Point 0.\\nperson: Point 1.' in prompt(ruled)
    assert not any(isinstance(event, ev.ThreadSummarised) for event in ruled.events)
    assert prompt(conversing.nobody_remembers(6)) == "And the second one?"


def test_messages_reach_agents_at_work_and_those_that_begin_later() -> None:
    told = conversing.spoken_to(6)
    task = next(iter(told.state.tasks.values()))
    assert task.loop is not None
    assert [one.content for one in task.loop.messages if one.role == "user"][1:] == [
        "The bigger one.",
        "In euros.",
        "And by when?",
    ]
    later = conversing.remembered_by_rule(6)
    assert "Said since then:\n- In euros." in prompt(later)


def test_a_summary_that_no_cap_bears_is_made_by_rule() -> None:
    player = Player(conversing.new(6), priced=20)
    player.refuse_next(of_task=True)
    player.succeed("thread", conversing.remembered(older=9))
    assert "person: Point 0." in prompt(player)


def test_runs_of_older_versions_and_without_a_conversation_ask_nobody() -> None:
    for created in (
        conversing.new(5),
        replace(conversing.new(6), thread=""),
        replace(conversing.new(6), advisers=()),
    ):
        assert remember(RunState(created=created)) is None


def test_only_a_message_of_its_own_thread_that_still_reaches_somebody_is_taken_in() -> None:
    on = Player(conversing.new(6), priced=20)
    assert len(facts_of(message(), on.state)) == 1
    assert facts_of(message("thr_2"), on.state) == ()
    assert len(facts_of(message(earlier=on.state.said_numbers), on.state)) == 1
    assert facts_of(message(earlier=(*on.state.said_numbers, 30)), on.state) == (), (
        "what was said before it is for the next run, and so is it"
    )
    on.fact(ev.CancelRequested(reason="stop"))
    assert facts_of(message(), on.state) == ()
    checking = Player(conversing.new(6), priced=20)
    checking.succeed("thread", conversing.remembered(older=0))
    assert takes(checking.state)
    [task] = checking.state.tasks.values()
    assert task.loop is not None
    task.loop = replace(task.loop, done=LoopDone(output="said"))  # its result is being verified
    assert not takes(checking.state)
    over = conversing.spoken_to(6)
    assert facts_of(message(), over.state) == ()
    assert not takes(over.state)


def test_a_result_that_cannot_be_read_is_no_memory() -> None:
    player = Player(conversing.new(6), priced=20)
    player.succeed("thread", {"messages": [{"from": "person"}, 3], "older": "x", "summary": None})
    assert thread_memory(player.state) is None
    assert prompt(player) == "And the second one?"
