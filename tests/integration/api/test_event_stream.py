"""Facts and deltas of a run in one stream: what is sent, and what is not any more."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flowmatik.api import event_stream
from flowmatik.api.event_stream import RunStream
from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent


def fact(seq: int, kind: str, call: str = "call_1") -> CloudEvent:
    return CloudEvent(
        id=f"run_1:{seq}",
        source="/",
        type=f"flowmatik.{kind}",
        time="2026-01-01T00:00:00+00:00",
        subject="run_1",
        workspace_id="a",
        data={"call_id": call},
        seq=seq,
    )


def delta(at: int, text: str, call: str = "call_1", *, gap: bool = False) -> Delta:
    return Delta(call_id=call, task_id="t", at=at, text=text, gap=gap)


class Script:
    """What happens, one after the other; None ends the run."""

    def __init__(self) -> None:
        self._facts: asyncio.Queue[CloudEvent | JournalUnavailable | None] = asyncio.Queue()
        self._deltas: asyncio.Queue[UnderWay] = asyncio.Queue()
        self._frames = RunStream(self.facts, 0, self.deltas()).frames()
        self.asked: list[int] = []

    async def facts(self, after: int) -> AsyncIterator[CloudEvent]:
        self.asked.append(after)
        while step := await self._facts.get():
            if isinstance(step, JournalUnavailable):
                raise step
            yield step

    async def deltas(self) -> AsyncIterator[UnderWay]:
        while True:
            yield await self._deltas.get()

    async def sends(self, *steps: CloudEvent | UnderWay | JournalUnavailable | None) -> str:
        """The next frame, once these have happened; "" at the end."""
        for step in steps:
            if isinstance(step, Delta | Progress):
                self._deltas.put_nowait(step)
            else:
                self._facts.put_nowait(step)
        frame = await asyncio.wait_for(anext(self._frames, b""), 120)
        return frame.decode()


async def test_how_far_a_tool_is_has_no_id_and_ends_with_the_tools_call() -> None:
    stream = Script()
    far = Progress(call_id="call_1", task_id="t", tool="crawl", done=3, total=None, message="ñ")
    name, data = (await stream.sends(far)).strip().split("\n")
    assert name == "event: progress"
    told = {"call_id": "call_1", "task_id": "t", "tool": "crawl", "done": 3, "total": None, "message": "ñ"}
    assert json.loads(data.removeprefix("data: ")) == told
    assert json.loads((await stream.sends(replace(delta(0, "{"), json=True))).split("data: ")[1])["json"]
    await stream.sends(fact(1, "CallSucceeded"))
    assert (await stream.sends(far, fact(2, "X"))).startswith("id: 2\n")


async def test_deltas_have_no_id_and_are_told_when_some_are_missing() -> None:
    stream = Script()
    assert (await stream.sends(fact(1, "X"))).startswith("id: 1\nevent: flowmatik.X\ndata: ")
    name, data = (await stream.sends(delta(0, "ñ\n"))).strip().split("\n")
    assert name == "event: delta"
    assert json.loads(data.removeprefix("data: ")) == {
        "call_id": "call_1",
        "task_id": "t",
        "at": 0,
        "text": "ñ\n",
    }
    gap, told, _ = (await stream.sends(delta(9, "x", gap=True))).split("\n\n")
    assert gap == 'event: gap\ndata: {"call_id":"call_1","task_id":"t","at":9}'
    assert told.startswith("event: delta\n")
    assert await stream.sends(None) == ""


@pytest.mark.parametrize("kind", ["CallSucceeded", "CallFailed", "CallInDoubt"])
async def test_text_of_a_call_that_has_ended_is_not_sent_any_more(kind: str) -> None:
    stream = Script()
    assert "early" in await stream.sends(delta(0, "early"))
    assert kind in await stream.sends(fact(1, kind), delta(5, "at once"))
    frame = await stream.sends(delta(5, "stale"), delta(0, "fresh", "call_2"))
    assert "fresh" in frame
    assert await stream.sends(None) == ""


async def test_facts_that_come_at_one_moment_are_sent_as_one() -> None:
    stream = Script()
    frame = await stream.sends(fact(1, "A"), fact(2, "B"), fact(3, "C"))
    assert [line for line in frame.splitlines() if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3"]
    assert await stream.sends(None) == ""


async def test_after_an_outage_of_the_store_the_stream_goes_on_from_its_last_fact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "AWAY_SECONDS", 0.01)
    stream, away = Script(), JournalUnavailable("gone", context={"store": "x", "said": "y"})
    assert (await stream.sends(fact(4, "A"))).startswith("id: 4\n")
    assert await stream.sends(away) == ": the store is away\n\n"
    assert (await stream.sends(fact(5, "B"))).startswith("id: 5\n")
    assert stream.asked == [0, 4]
    assert await stream.sends(None) == ""
