"""Threads that processes left undone, and threads whose time is up."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowmatik.contracts.threads import NewThread, Role
from flowmatik.core.threads.expiry import ThreadExpiry
from flowmatik.core.threads.rows import Entry
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_threads import Opening, W, at_rest, environment, opening

__all__ = ("environment", "opening")  # fixtures


@dataclass
class DaysLater:
    """A clock that is ahead."""

    days: int

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return self.days * 86_400.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def test_threads_go_when_their_time_is_up_and_their_runs_are_gone(opening: Opening) -> None:
    with OpenAIServer(Step(text="yes")) as model:
        async with opening(model) as platform:
            store = platform.conversations.store
            await platform.threads.create(W, NewThread(title="empty"))
            spoken = await platform.threads.create(W, NewThread(agent="clerk"))
            await platform.threads.send(W, spoken.id, "One?")
            await at_rest(platform, spoken, 2)
            await platform.retention.set_days(W, 3)

            def expiry(days: int) -> ThreadExpiry:
                return ThreadExpiry(store, platform.runs, platform.retention, DaysLater(days))

            assert await expiry(2).sweep() == 0
            await platform.retention.hold(W, "", reason="law", by="usr_ben")
            assert await expiry(4).sweep() == 0
            await platform.retention.release(W, "")
            assert await expiry(4).sweep() == 1
            assert [one.id for one in (await platform.threads.list(W)).items] == [spoken.id]


async def test_what_a_process_left_undone_is_taken_up(opening: Opening) -> None:
    with OpenAIServer(Step(text="yes")) as model:
        async with opening(model) as platform:
            store = platform.conversations.store
            keeper = platform.conversations.keeper
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            entry = Entry(role=Role.PERSON, text="One?", key="said:1")
            assert await store.say((W, thread.id), entry)  # and the process ends
            assert await keeper.look() == 1
            await at_rest(platform, thread, 2)
            assert await store.say((W, thread.id), Entry(role=Role.PERSON, text="Two?", key="said:2"))
            known = await store.get(W, thread.id)
            assert await store.begin(known, known.thread.messages)  # and the process ends
            assert await keeper.look() == 1
            talk = await at_rest(platform, thread, 4)
            assert await keeper.look() == 0
    assert talk == [("person", "One?"), ("agent", "yes"), ("person", "Two?"), ("agent", "yes")]
