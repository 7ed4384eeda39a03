"""Those who watch in this process, each with what it has not read yet. Implements `Air` and `RunDeltas` for
one process."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.core.deltas.pieces import Piece, Place, Said, Step

UNREAD_CHARACTERS = 65_536
UNREAD_PIECES = 1_000
CALLS_HEARD = 8  # of a run, at once
CALLS = 100  # of which one who listens knows how far it is


class Ear:
    """One who watches. What it does not read in time is dropped, the oldest first."""

    def __init__(self) -> None:
        self._unread: deque[Piece] = deque()
        self._steps: dict[str, Step] = {}  # by call: the newest that was not read
        self._size = 0
        self._there = asyncio.Event()
        self._known: dict[str, int] = {}  # by call: up to where its text was read

    def tell(self, piece: Said) -> None:
        if isinstance(piece, Step):
            self._steps.pop(piece.call_id, None)
            if not piece.last and len(self._steps) < CALLS:
                self._steps[piece.call_id] = piece
                self._there.set()
            return
        if not piece.text:
            return
        self._unread.append(piece)
        self._size += len(piece.text)
        while len(self._unread) > 1 and (self._size > UNREAD_CHARACTERS or len(self._unread) > UNREAD_PIECES):
            lost = self._unread.popleft()
            self._size -= len(lost.text)
            self._known.setdefault(lost.call_id, 0)
        self._there.set()

    async def under_way(self) -> AsyncIterator[UnderWay]:
        while True:
            await self._there.wait()
            while self._unread or self._steps:
                while self._steps:
                    yield _progress(self._steps.pop(next(iter(self._steps))))
                if self._unread:
                    piece = self._unread.popleft()
                    self._size -= len(piece.text)
                    if delta := self._new_in(piece):
                        yield delta
            self._there.clear()

    def _new_in(self, piece: Piece) -> Delta | None:
        """Of a call that was under way before anybody listened here, all of the text follows: what comes
        before that is not shown, lest it be shown without its beginning."""
        known = self._known.get(piece.call_id)
        if known is None and piece.at > 0:
            self._remember(piece.call_id, 0)
            return None
        known = known or 0
        if piece.end <= known:
            return None
        self._remember(piece.call_id, piece.end)
        at = max(known, piece.at)
        return Delta(
            call_id=piece.call_id,
            task_id=piece.task_id,
            at=at,
            text=piece.text[at - piece.at :],
            gap=piece.at > known,
            json=piece.json,
        )

    def _remember(self, call_id: str, end: int) -> None:
        self._known.pop(call_id, None)
        self._known[call_id] = end
        if len(self._known) > CALLS:
            del self._known[next(iter(self._known))]


def _progress(step: Step) -> Progress:
    return Progress(
        call_id=step.call_id,
        task_id=step.task_id,
        tool=step.tool,
        done=step.done,
        total=step.total,
        message=step.message,
    )


class Listening:
    def __init__(self) -> None:
        self._ears: defaultdict[Place, set[Ear]] = defaultdict(set)
        self._heard: dict[Place, dict[str, Said]] = {}  # of calls under way, for who comes later

    def tell(self, place: Place, piece: Said) -> int:
        ears = self._ears.get(place, ())
        if ears:
            self._keep(self._heard.setdefault(place, {}), piece)
        for ear in ears:
            ear.tell(piece)
        return len(ears)

    def _keep(self, heard: dict[str, Said], said: Said) -> None:
        before = heard.pop(said.call_id, None)
        if said.last:
            return
        if isinstance(said, Piece) and isinstance(before, Piece) and before.at <= said.at <= before.end:
            text = before.text[: said.at - before.at] + said.text
            said = replace(said, at=before.at, text=text if said.text else before.text)
        if isinstance(said, Step) or 0 < len(said.text) <= UNREAD_CHARACTERS:
            heard[said.call_id] = said
        if len(heard) > CALLS_HEARD:
            del heard[next(iter(heard))]

    async def send(self, place: Place, said: Said) -> int:
        return self.tell(place, said)

    @asynccontextmanager
    async def watch(self, workspace_id: str, run_id: str) -> AsyncGenerator[AsyncIterator[UnderWay]]:
        place, ear = Place(workspace_id, run_id), Ear()
        self._ears[place].add(ear)
        for piece in self._heard.get(place, {}).values():
            ear.tell(piece)
        try:
            yield ear.under_way()
        finally:
            self._ears[place].discard(ear)
            if not self._ears[place]:
                del self._ears[place]
                self._heard.pop(place, None)
