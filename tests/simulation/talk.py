"""Conversations in a simulated life: people say things while runs are on, take threads over, give them back
and close them. Every message is answered once, in order, or the thread says why not."""

import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

from flowmatik.app.threads import OpenThreads
from flowmatik.contracts.threads import Interrupt, NewThread, ThreadMessage, ThreadState
from flowmatik.core import events as ev
from flowmatik.core.brain.conversation import unheard
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from flowmatik.core.threads.store import ThreadStore
from tests.simulation.lines import Process
from tests.simulation.reading import decoded
from tests.simulation.virtual_time import nap
from tests.simulation.world import World

WS = "default"
Asked = Callable[[World, Callable[[Process], Awaitable[Any]]], Awaitable[Any]]
TOKEN = re.compile(r"say-\d+-\d+\b")
WAYS = (None, Interrupt.QUEUE, Interrupt.STEER, Interrupt.STEER, Interrupt.CANCEL)


def new_thread(chance: random.Random, n: int) -> NewThread:
    return NewThread(
        agent=chance.choice(["talker", "talker", "scout", ""]),
        interrupt=chance.choice(WAYS),
        history=chance.choice([None, 1, 3]),
        budget_micros=chance.choice([None, None, None, 400]),
        principal="usr_dora",
        idempotency_key=f"thread {n}",
    )


async def talker(world: World, n: int, asked: Asked) -> None:
    """Says a few things, each under its key until somebody hears."""
    chance = world.chance
    await nap(chance.uniform(0.0, 10.0))
    new = new_thread(chance, n)
    thread = await asked(world, lambda p: threads_of(p).threads.create(WS, new))
    for k in range(chance.randint(1, 6)):
        text = f"say-{n}-{k} please"
        await asked(world, lambda p, text=text: threads_of(p).threads.send(
            WS, thread.id, text, by="usr_dora", idempotency_key=text))  # fmt: skip
        if chance.random() < 0.12:
            await meddle(world, thread.id, asked)
        await nap(chance.choice([0.0, chance.uniform(0.0, 1.0), chance.uniform(0.0, 10.0)]))


async def meddle(world: World, thread_id: str, asked: Asked) -> None:
    """Takes it away from the agent, or ends it."""
    if world.chance.random() < 0.3:
        await asked(world, lambda p: threads_of(p).threads.close(WS, thread_id, by="usr_eva"))
        return
    await asked(world, lambda p: threads_of(p).threads.take(WS, thread_id, by="usr_eva"))


async def desk(world: World, asked: Asked) -> None:
    """Somebody who takes what agents have handed over, replies, and gives it back."""
    while True:
        await nap(world.chance.uniform(1.0, 4.0))
        page = await asked(world, lambda p: threads_of(p).threads.list(WS, state=ThreadState.PERSON))
        for one in page.items if page else ():
            by = one.holder or "usr_eva"
            if not one.holder:
                await asked(world, lambda p, one=one: threads_of(p).threads.take(WS, one.id, by="usr_eva"))
            if world.chance.random() < 0.6:
                key = f"{one.id} {world.now()}"
                await asked(world, lambda p, one=one, key=key, by=by: threads_of(p).threads.reply(
                    WS, one.id, "a person says", by=by, idempotency_key=key))  # fmt: skip
            await nap(world.chance.uniform(0.0, 3.0))
            await asked(world, lambda p, one=one, by=by: threads_of(p).threads.give_back(WS, one.id, by=by))


def threads_of(process: Process) -> OpenThreads:
    assert process.threads is not None
    return process.threads


async def unanswered(world: World) -> list[str]:
    """The conversations in which somebody waits."""
    store = ThreadStore(world.rows, world.store_clock)
    waits: list[str] = []
    for one in await store.newest(WS, None, before="", limit=500):
        waiting = await store.waiting(WS, one.thread.id)
        over = one.thread.state is ThreadState.CLOSED or (
            one.thread.state is ThreadState.AGENT and not waiting
        )
        if one.turn.open or not over:
            waits.append(f"{one} {waiting}")
    return waits


# --- the books --------------------------------------------------------------------------------


async def check_threads(
    world: World, histories: dict[str, list[StoredEvent]], states: dict[str, RunState]
) -> None:
    store = ThreadStore(world.rows, world.store_clock)
    for known in await store.newest(WS, None, before="", limit=500):
        thread = known.thread
        messages = await store.messages(WS, thread.id, after=0, limit=1000)
        told = f"{thread.id} ({thread.state}, {thread.interrupt}): " + " | ".join(
            f"{m.number} {m.role} {m.code} {m.text[:20]} {m.run_id}" for m in messages
        )
        assert [m.number for m in messages] == list(range(1, len(messages) + 1)), f"gaps: {told}"
        runs = sorted(
            (one for one in states.values() if one.created.thread == thread.id),
            key=lambda one: one.created.thread_turn,
        )
        turns = [one.created.thread_turn for one in runs]
        assert turns == sorted(set(turns)), f"a turn has two runs: {turns} {told}"
        superseded = {m.run_id for m in messages if m.code == "superseded"}
        _check_answers(messages, [one for one in runs if one.created.run_id not in superseded], told)
        for one in runs:
            _check_steered(one, histories[one.created.run_id], told)


def _check_answers(messages: list[ThreadMessage], runs: list[RunState], told: str) -> None:
    """`runs`: those that count."""
    ended = {m.run_id for m in messages if m.role != "person" and m.code != "handed_over"}
    answered: list[int] = []
    for message in (m for m in messages if m.role == "person"):
        token = TOKEN.search(message.text)
        assert token is not None, message
        by = [one for one in runs if token.group() in _heard(one)]
        assert len(by) <= 1, f"{token.group()} was answered {len(by)} times: {told}"
        later = [one for one in messages if one.number > message.number]
        by_person = any(one.role == "agent" and one.author.startswith("usr_") for one in later)
        if by:
            run_id = by[0].created.run_id
            assert run_id in ended, f"nothing was said at the end of {run_id}: {told}"
            # a person who replied meanwhile has answered it as well
            assert message.run_id == run_id or by_person, f"{message} is of {run_id}: {told}"
            answered.append(by[0].created.thread_turn)
            continue
        never = any(one.code in ("closed", "not_begun") for one in later)
        assert by_person or never, f"{token.group()} is not answered: {told}"
    assert answered == sorted(answered), f"answered out of order: {answered} {told}"


def _heard(state: RunState) -> set[str]:
    """What it answers: not what it took in and left to the next run."""
    left = set(unheard(state)) if state.answer is not None else set[int]()
    said = [text for number, text in zip(state.said_numbers, state.said, strict=True) if number not in left]
    return {one for text in (state.created.goal, *said) for one in TOKEN.findall(text)}


def _check_steered(state: RunState, history: list[StoredEvent], told: str) -> None:
    """What was said to a run that succeeds was read by somebody before he answered."""
    said = [event for event in map(decoded, history) if isinstance(event, ev.MessageReceived)]
    numbers = [event.number for event in said]
    assert numbers == sorted(set(numbers)), f"heard twice, or out of order: {numbers} {told}"
    end = decoded(history[-1])
    if not isinstance(end, ev.RunSucceeded):
        return
    for event in (one for one in said if one.number not in end.unheard):
        assert any(
            _replied(task.loop.messages, event.text) for task in state.tasks.values() if task.loop is not None
        ), f"nobody read {event.text!r} of {state.created.run_id}: {told}"


def _replied(messages: Any, text: str) -> bool:
    at = next((n for n, one in enumerate(messages) if one.role == "user" and text in one.content), None)
    return at is not None and any(one.role == "assistant" for one in messages[at + 1 :])
