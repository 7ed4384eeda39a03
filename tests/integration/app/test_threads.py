"""Conversations end to end: the whole platform on both stores, and a scripted model behind real HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.threads import (
    MAX_MESSAGE_CHARACTERS,
    Interrupt,
    NewThread,
    Role,
    Thread,
    ThreadMessage,
    ThreadState,
)
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.testing.openai_server import OpenAIServer, Step
from flowmatik.testing.openai_server.steps import ToolUse
from tests.unit.core.engines import eventually

W = "default"
PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: support
summary: Answers.
instructions: Answer.
tools: [hand_to_person]
"""
BOTH_STORES = pytest.mark.parametrize("environment", ["sqlite", "postgres"], indirect=True)
Opening = Callable[[OpenAIServer], AbstractAsyncContextManager[Platform]]


@pytest.fixture(params=["sqlite"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """SQLite, unless a test asks for both stores."""
    if request.param == "sqlite":
        return {}
    return {"FLOWMATIK_DATABASE_URL": request.getfixturevalue("pg_migrated")}


@pytest.fixture
def opening(environment: dict[str, str], tmp_path: Path) -> Opening:
    """A platform that asks this model, with one agent."""
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")

    @asynccontextmanager
    async def opened(model: OpenAIServer) -> AsyncGenerator[Platform]:
        named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        settings = load_settings(tmp_path, environment | named)
        async with open_platform(settings, recover_all=True) as platform:
            await platform.agents.apply(W, PROFILE, filename="clerk.yaml")
            yield platform

    return opened


async def said(platform: Platform, thread: Thread) -> Sequence[ThreadMessage]:
    return (await platform.threads.messages(W, thread.id, limit=100)).items


async def at_rest(platform: Platform, thread: Thread, messages: int) -> list[tuple[str, str]]:
    """Who said what, once there are so many messages and no run is on."""

    async def there() -> bool:
        now = await platform.threads.get(W, thread.id)
        return now.messages >= messages and not now.run_id

    await eventually(there, 30)
    return [(one.code or one.role.value, one.text) for one in await said(platform, thread)]


async def asked(model: OpenAIServer, count: int) -> None:
    """Until the model has been asked so often."""

    async def there() -> bool:
        return len(model.calls) >= count

    await eventually(there, 30)


def prompts(model: OpenAIServer) -> list[list[str]]:
    """What the model was told in each call, but for its instructions."""
    return [[str(m.get("content")) for m in call["body"]["messages"][1:]] for call in model.calls]


async def the_same_again(platform: Platform, thread: Thread) -> list[RunStatus]:
    """Every run of the thread is decided again as it was; how they ended, the first one first."""
    runs = (await platform.runs.list(W, RunFilter(thread=thread.id))).items[::-1]
    for run in runs:
        assert not (await platform.runs.replay(W, run.id)).differences
        assert (await platform.runs.get(W, run.id)).thread == thread.id
    return [run.status for run in runs]


async def test_three_turns_that_refer_back(opening: Opening) -> None:
    with OpenAIServer(Step(text="Two: A and B."), Step(text="B."), Step(text="Five euros.")) as model:
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk", title="Invoices"))
            for n, text in enumerate(("Which are open?", "Which is bigger?", "How much is it?"), 1):
                message = await platform.threads.send(W, thread.id, text, by="usr_ana")
                assert (message.number, message.author) == (2 * n - 1, "usr_ana")
                await at_rest(platform, thread, 2 * n)
            talk = await at_rest(platform, thread, 6)
            assert await the_same_again(platform, thread) == [RunStatus.SUCCEEDED] * 3
    assert talk == [
        ("person", "Which are open?"),
        ("agent", "Two: A and B."),
        ("person", "Which is bigger?"),
        ("agent", "B."),
        ("person", "How much is it?"),
        ("agent", "Five euros."),
    ]
    first, _, third = prompts(model)
    assert first == ["Which are open?"]
    told: dict[str, Any] = json.loads(third[0].partition(":\n")[2])
    assert third[0].startswith("How much is it?\n\n")
    assert [(one["from"], one["text"]) for one in told["messages"]] == [(who, text) for who, text in talk[:4]]


async def test_a_message_that_comes_meanwhile_waits_for_its_turn(opening: Opening) -> None:
    with OpenAIServer(Step(text="one", first_seconds=0.4), Step(text="two"), Step(text="three")) as model:
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            await platform.threads.send(W, thread.id, "1?")
            await asked(model, 1)
            both = await asyncio.gather(*(platform.threads.send(W, thread.id, text) for text in ("2?", "3?")))
            talk = await at_rest(platform, thread, 6)
            assert await the_same_again(platform, thread) == [RunStatus.SUCCEEDED] * 3
    later = [one.text for one in sorted(both, key=lambda one: one.number)]
    assert talk == [
        ("person", "1?"),
        *(("person", text) for text in later),
        ("agent", "one"),
        ("agent", "two"),
        ("agent", "three"),
    ]
    assert [told[0].partition("\n")[0] for told in prompts(model)] == ["1?", *later]
    known: dict[str, Any] = json.loads(prompts(model)[2][0].partition(":\n")[2])
    assert [one["text"] for one in known["messages"]] == ["1?", later[0], "one", "two"], (
        "with what was answered while it waited"
    )


@BOTH_STORES
async def test_a_message_goes_into_the_run_that_is_on(opening: Opening) -> None:
    with OpenAIServer(Step(text="In dollars: 5.", first_seconds=0.5), Step(text="In euros: 4.")) as model:
        async with opening(model) as platform:
            new = NewThread(agent="clerk", interrupt=Interrupt.STEER)
            thread = await platform.threads.create(W, new)
            await platform.threads.send(W, thread.id, "How much?")
            await asked(model, 1)
            await platform.threads.send(W, thread.id, "In euros, please.")
            talk = await at_rest(platform, thread, 3)
            messages = await said(platform, thread)
            assert await the_same_again(platform, thread) == [RunStatus.SUCCEEDED]
            await platform.threads.send(W, thread.id, "Thanks.")
            again = await at_rest(platform, thread, 5)
    assert talk == [("person", "How much?"), ("person", "In euros, please."), ("agent", "In euros: 4.")]
    assert len({one.run_id for one in messages}) == 1
    assert prompts(model)[1] == ["How much?", "In dollars: 5.", "In euros, please."]
    assert again[3:] == [("person", "Thanks."), ("agent", "In euros: 4.")]


@BOTH_STORES
async def test_a_message_ends_the_run_that_is_on_and_the_next_answers_both(opening: Opening) -> None:
    with OpenAIServer(Step(kind="silent"), Step(text="Both.")) as model:
        async with opening(model) as platform:
            new = NewThread(agent="clerk", interrupt=Interrupt.CANCEL)
            thread = await platform.threads.create(W, new)
            await platform.threads.send(W, thread.id, "One?")
            await asked(model, 1)
            await platform.threads.send(W, thread.id, "No, two?")
            talk = await at_rest(platform, thread, 4)
            assert await the_same_again(platform, thread) == [RunStatus.CANCELLED, RunStatus.SUCCEEDED]
            runs = [one.run_id for one in await said(platform, thread) if one.role is not Role.NOTE]
    assert [one for one in talk if one[0] != "superseded"] == [
        ("person", "One?"),
        ("person", "No, two?"),
        ("agent", "Both."),
    ]
    assert len(set(runs)) == 1
    assert prompts(model)[1] == ["One?\n\nNo, two?"]


@BOTH_STORES
async def test_an_agent_hands_over_a_person_answers_and_gives_back(opening: Opening) -> None:
    hands = ToolUse(name="hand_to_person", arguments='{"reason": "A refund above 100."}')
    script = (
        Step(tools=(hands,), text=""),
        Step(text="A person will answer."),
        Step(text="At your service."),
    )
    with OpenAIServer(*script) as model:
        async with opening(model) as platform:
            threads = platform.threads
            thread = await threads.create(W, NewThread(agent="clerk"))
            await threads.send(W, thread.id, "I want my money back.", by="usr_ana")
            await at_rest(platform, thread, 3)
            await threads.send(W, thread.id, "Hello?", by="usr_ana")
            with pytest.raises(Conflict, match="take it first"):
                await threads.reply(W, thread.id, "Hi", by="usr_ben")
            taken = await threads.take(W, thread.id, by="usr_ben")
            assert (taken.state, taken.holder) == (ThreadState.PERSON, "usr_ben")
            with pytest.raises(Conflict, match="usr_ben has thread"):
                await threads.take(W, thread.id, by="usr_cid")
            await threads.reply(W, thread.id, "You get it back.", by="usr_ben")
            await threads.send(W, thread.id, "Thank you. And the rest?", by="usr_ana")
            assert len(model.calls) == 2
            await threads.give_back(W, thread.id, by="usr_ben")
            talk = await at_rest(platform, thread, 9)
            authors = [one.author for one in await said(platform, thread)]
            assert await the_same_again(platform, thread) == [RunStatus.SUCCEEDED] * 2
    assert talk == [
        ("person", "I want my money back."),
        ("handed_over", "A refund above 100."),
        ("agent", "A person will answer."),
        ("person", "Hello?"),
        ("taken", ""),
        ("agent", "You get it back."),
        ("person", "Thank you. And the rest?"),
        ("given_back", ""),
        ("agent", "At your service."),
    ]
    assert authors[4:6] == ["usr_ben", "usr_ben"]
    assert prompts(model)[2][0].startswith("Thank you. And the rest?")


async def test_who_takes_a_thread_ends_its_run_and_what_was_said_waits_for_an_answer(
    opening: Opening,
) -> None:
    with OpenAIServer(Step(kind="silent"), Step(text="Here again.")) as model:
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            await platform.threads.send(W, thread.id, "One?")
            await asked(model, 1)
            await platform.threads.take(W, thread.id, by="usr_ben", reason="I know this one.")
            assert [code for code, _ in await at_rest(platform, thread, 3)] == [
                "person",
                "taken",
                "superseded",
            ]
            assert len(model.calls) == 1
            await platform.threads.give_back(W, thread.id, by="usr_ben")
            assert (await at_rest(platform, thread, 5))[-1] == ("agent", "Here again.")


@BOTH_STORES
async def test_messages_of_many_while_runs_end_are_each_answered_once(opening: Opening) -> None:
    with OpenAIServer(Step(text="yes")) as model:
        async with opening(model) as platform:
            for interrupt in (Interrupt.QUEUE, Interrupt.STEER):
                thread = await platform.threads.create(W, NewThread(agent="clerk", interrupt=interrupt))
                texts = [f"{n}?" for n in range(8)]
                for text in texts:  # each of them twice, as by a client that got no answer
                    await asyncio.gather(
                        *(platform.threads.send(W, thread.id, text, idempotency_key=text) for _ in range(2))
                    )
                await _all_answered(platform, thread, texts)
                statuses = await the_same_again(platform, thread)
                assert set(statuses) == {RunStatus.SUCCEEDED}
                assert len(statuses) <= len(texts)


async def _all_answered(platform: Platform, thread: Thread, texts: list[str]) -> None:
    async def answered() -> bool:
        messages = await said(platform, thread)
        mine = [one for one in messages if one.role is Role.PERSON]
        over = not (await platform.threads.get(W, thread.id)).run_id
        return over and len(mine) == len(texts) and all(one.run_id for one in mine)

    await eventually(answered, 60)
    messages = await said(platform, thread)
    asked_in = {one.run_id for one in messages if one.role is Role.PERSON}
    answers = [one.run_id for one in messages if one.role is Role.AGENT]
    assert sorted(answers) == sorted(asked_in)
    assert sorted(one.text for one in messages if one.role is Role.PERSON) == texts


async def test_what_cannot_be_said_is_refused_and_changes_nothing(opening: Opening) -> None:
    with OpenAIServer(Step(text="yes")) as model:
        async with opening(model) as platform:
            threads = platform.threads
            with pytest.raises(NotFound):
                await threads.create(W, NewThread(agent="nobody"))
            for wrong in (NewThread(history=0), NewThread(title="x" * 201), NewThread(language="xx")):
                with pytest.raises(InvalidInput):
                    await threads.create(W, wrong)
            thread = await threads.create(W, NewThread(agent="clerk"))
            for text in ("", "  ", "x" * (MAX_MESSAGE_CHARACTERS + 1), "a\0b", "\ud800"):
                with pytest.raises(InvalidInput):
                    await threads.send(W, thread.id, text)
            await threads.send(W, thread.id, "One?", idempotency_key="k")
            with pytest.raises(Conflict, match="something else"):
                await threads.send(W, thread.id, "Two?", idempotency_key="k")
            await at_rest(platform, thread, 2)
            with pytest.raises(NotFound):
                await threads.send("other", thread.id, "One?")
            with pytest.raises(Conflict, match="take it first"):
                await threads.give_back(W, thread.id, by="usr_ben")
            closed = await threads.close(W, thread.id, by="usr_ben", reason="done")
            assert (await threads.close(W, thread.id, by="usr_ben")).messages == closed.messages == 3
            for refused in (
                threads.send(W, thread.id, "Late?"),
                threads.take(W, thread.id, by="usr_ben"),
                threads.reply(W, thread.id, "Late", by="usr_ben"),
                threads.give_back(W, thread.id, by="usr_ben"),
            ):
                with pytest.raises(Conflict, match="is closed"):
                    await refused
            assert (await threads.send(W, thread.id, "One?", idempotency_key="k")).number == 1
            assert len(model.calls) == 1


@BOTH_STORES
async def test_a_turn_whose_run_was_begun_by_somebody_faster_has_that_run(opening: Opening) -> None:
    with OpenAIServer() as model:
        model.tell(Step(text="one"))
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            first = NewRun(
                goal="First?",
                agent="clerk",
                thread=thread.id,
                thread_before=1,
                thread_turn=1,
                idempotency_key=f"thread:{thread.id}:1",
            )
            run_id = await platform.runs.create(W, first)
            await platform.threads.send(W, thread.id, "First? And what else?")
            assert await at_rest(platform, thread, 2) == [
                ("person", "First? And what else?"),
                ("agent", "one"),
            ]
            assert {one.run_id for one in await said(platform, thread)} == {run_id}


async def test_a_deleted_thread_takes_its_runs_with_it(opening: Opening) -> None:
    with OpenAIServer(Step(text="yes"), Step(kind="silent")) as model:
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            await platform.threads.send(W, thread.id, "One?")
            await at_rest(platform, thread, 2)
            await platform.threads.send(W, thread.id, "Two?")
            await asked(model, 2)
            with pytest.raises(Conflict, match="is on"):
                await platform.threads.delete(W, thread.id, by="usr_ben")
            await platform.threads.close(W, thread.id, by="usr_ben")
            await at_rest(platform, thread, 5)

            async def deleted() -> bool:
                try:
                    await platform.threads.delete(W, thread.id, by="usr_ben")
                except Conflict:  # not everybody has heard of its last run
                    return False
                return True

            await eventually(deleted, 30)
            assert (await platform.runs.list(W, RunFilter(thread=thread.id))).items == ()
            with pytest.raises(NotFound):
                await platform.threads.get(W, thread.id)


async def test_a_run_that_fails_is_said_in_the_thread(opening: Opening) -> None:
    with OpenAIServer(Step(kind="error", status=401)) as model:
        async with opening(model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            await platform.threads.send(W, thread.id, "One?")
            assert [code for code, _ in await at_rest(platform, thread, 2)] == ["person", "run_failed"]
            assert (await platform.threads.get(W, thread.id)).state is ThreadState.AGENT
            profile = PROFILE + "conversation: {on_failure: person}\n"
            await platform.agents.apply(W, profile, filename="clerk.yaml")
            await platform.threads.send(W, thread.id, "Two?")
            codes = [code for code, _ in await at_rest(platform, thread, 5)]
            assert codes[2:] == ["person", "run_failed", "handed_over"]
            assert (await platform.threads.get(W, thread.id)).state is ThreadState.PERSON
