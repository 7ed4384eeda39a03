"""Those who watch in this process, each with what it has not read yet. Implements `Air` and `RunDeltas` for
one process."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from flowmatik.contracts.deltas import Delta
from flowmatik.core.deltas.pieces import Piece, Place

UNREAD_CHARACTERS = 65_536
UNREAD_PIECES = 1_000
CALLS_HEARD = 8  # of a run, at once
CALLS = 100  # of which one who listens knows how far it is


class Ear:
    """One who watches. What it does not read in time is dropped, the oldest first."""

    def __init__(self) -> None:
        self._unread: deque[Piece] = deque()
        self._size = 0
        self._there = asyncio.Event()
        self._known: dict[str, int] = {}  # by call: up to where its text was read

    def tell(self, piece: Piece) -> None:
        if not piece.text:
            return
        self._unread.append(piece)
        self._size += len(piece.text)
        while len(self._unread) > 1 and (self._size > UNREAD_CHARACTERS or len(self._unread) > UNREAD_PIECES):
            lost = self._unread.popleft()
            self._size -= len(lost.text)
            self._known.setdefault(lost.call_id, 0)
        self._there.set()

    async def deltas(self) -> AsyncIterator[Delta]:
        while True:
            await self._there.wait()
            while self._unread:
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
        )

    def _remember(self, call_id: str, end: int) -> None:
        self._known.pop(call_id, None)
        self._known[call_id] = end
        if len(self._known) > CALLS:
            del self._known[next(iter(self._known))]


class Listening:
    def __init__(self) -> None:
        self._ears: defaultdict[Place, set[Ear]] = defaultdict(set)
        self._heard: dict[Place, dict[str, Piece]] = {}  # of calls under way, for who comes later

    def tell(self, place: Place, piece: Piece) -> int:
        ears = self._ears.get(place, ())
        if ears:
            self._keep(self._heard.setdefault(place, {}), piece)
        for ear in ears:
            ear.tell(piece)
        return len(ears)

    def _keep(self, heard: dict[str, Piece], piece: Piece) -> None:
        before = heard.pop(piece.call_id, None)
        if piece.last:
            return
        if before is not None and before.at <= piece.at <= before.end:
            text = before.text[: piece.at - before.at] + piece.text
            piece = replace(piece, at=before.at, text=text if piece.text else before.text)
        if piece.text and len(piece.text) <= UNREAD_CHARACTERS:
            heard[piece.call_id] = piece
        if len(heard) > CALLS_HEARD:
            del heard[next(iter(heard))]

    async def send(self, place: Place, piece: Piece) -> int:
        return self.tell(place, piece)

    @asynccontextmanager
    async def watch(self, workspace_id: str, run_id: str) -> AsyncGenerator[AsyncIterator[Delta]]:
        place, ear = Place(workspace_id, run_id), Ear()
        self._ears[place].add(ear)
        for piece in self._heard.get(place, {}).values():
            ear.tell(piece)
        try:
            yield ear.deltas()
        finally:
            self._ears[place].discard(ear)
            if not self._ears[place]:
                del self._ears[place]
                self._heard.pop(place, None)
