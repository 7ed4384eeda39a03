"""What models say in this process, and how far its tools are, told to whoever watches a little later, all of
it together.

A call only puts its text down here; telling is the work of one task for all calls, so that nobody who
watches, and no Redis, holds up a run. While nobody watches a call, it is asked for now and then whether
somebody does; who comes then is told the whole text so far.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Generator
from dataclasses import replace

from flowmatik.contracts.models import ModelGateway, ModelReply, ModelRequest
from flowmatik.contracts.tools import Report
from flowmatik.core import events as ev
from flowmatik.core.deltas.pieces import Air, Piece, Place, Step
from flowmatik.core.deltas.shown import HALVES, Shown, is_answering
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import FlowmatikError, ModelMalformed
from flowmatik.kernel.redaction import Redactor

log = logging.getLogger(__name__)
SPACING_SECONDS = 0.05  # between two pieces of a call
ASKING_SECONDS = 0.25  # how often it is looked whether somebody watches
AWAY_SECONDS = 2.0
QUIET_SECONDS = 30.0
LONGEST = 65_536  # characters of a call's text that who comes late is told
LONGEST_MESSAGE = 200
LONGEST_SAID = 1_000  # of which that is made
WAITING = 1_000  # calls that have ended and not been told of; older ones are forgotten


class Speech:
    """The text of one call."""

    def __init__(self, place: Place, call: ev.CallRequested, request: ModelRequest) -> None:
        self.place = place
        self.ended = False
        self._call = call
        self._shown = Shown(request)
        self._said = 0
        self._listeners = 0
        self._ask_at = float("-inf")

    def add(self, text: str) -> None:
        self._shown.add(text)

    async def tell(self, air: Air, now: float) -> None:
        """Raises FlowmatikError when the air does not carry."""
        if self._listeners == 0 and now < self._ask_at and not self.ended:
            return
        text = self._shown.text()
        if self._listeners == 0:
            self._ask_at = now + ASKING_SECONDS
            if text:
                self._listeners = await air.send(self.place, self._piece(len(text), ""))
            if self._listeners:
                await self._whole(air, text)
        elif len(text) > self._said or self.ended:
            before = self._listeners
            self._listeners = await air.send(self.place, self._piece(self._said, text[self._said :]))
            if self._listeners > before:
                await self._whole(air, text)
        self._said = len(text)

    def unheard(self) -> None:
        """The air did not carry: whoever is there afterwards is told everything."""
        self._listeners = 0

    async def _whole(self, air: Air, text: str) -> None:
        at = max(0, len(text) - LONGEST)
        self._listeners = await air.send(self.place, self._piece(at, text[at:]))

    def _piece(self, at: int, text: str) -> Piece:
        call = self._call
        return Piece(
            call_id=call.call_id,
            task_id=call.task_id,
            at=at,
            text=text,
            last=self.ended,
            json=self._shown.json,
        )


class Advance:
    """How far one call of a tool is."""

    def __init__(self, place: Place, call: ev.CallRequested, *, numbers_only: bool) -> None:
        self.place = place
        self.ended = False
        self._call = call
        self._numbers_only = numbers_only
        self._newest: Step | None = None
        self._told: Step | None = None
        self._listeners = 0
        self._ask_at = float("-inf")

    def put(self, done: float, total: float | None, message: str) -> None:
        """What is no number says nothing."""
        if not math.isfinite(done) or not (total is None or math.isfinite(total)):
            return
        text = "" if self._numbers_only else _shown(message)
        self._newest = Step(
            call_id=self._call.call_id,
            task_id=self._call.task_id,
            tool=self._call.name,
            done=done,
            total=total,
            message=text,
        )

    async def tell(self, air: Air, now: float) -> None:
        if self._newest is None or (self._listeners == 0 and now < self._ask_at):
            return
        if self.ended:
            await air.send(self.place, replace(self._newest, last=True))
        elif self._newest != self._told or not self._listeners:
            self._ask_at, self._told = now + ASKING_SECONDS, self._newest
            self._listeners = await air.send(self.place, self._newest)

    def unheard(self) -> None:
        self._listeners, self._told = 0, None


def _shown(message: str) -> str:
    """On one line, without what has the form of a secret, as in all that a tool says when it fails."""
    words = " ".join(HALVES.sub("", message[:LONGEST_SAID]).split())
    return Redactor().text(words)[:LONGEST_MESSAGE]


class Speaking:
    """One for a process."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._speeches: list[Speech | Advance] = []
        self._telling: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._away_until = float("-inf")
        self._quiet_until = float("-inf")

    async def answered(
        self, models: ModelGateway, call: ev.CallRequested, request: ModelRequest, state: RunState
    ) -> ModelReply:
        """The reply to `request`, as without anybody who watches. Raises what the gateway does."""
        if not is_answering(call, state):
            return await models.complete(request)
        place = Place(state.created.workspace_id, state.created.run_id)
        speech, reply = Speech(place, call, request), None
        self._begin(speech)
        try:
            async for item in models.stream(request):
                if isinstance(item, ModelReply):
                    reply = item
                else:
                    speech.add(item.text)
        finally:
            speech.ended = True
            self._hurry.set()  # what is left should come before the fact that ends the call
        if reply is None:
            raise ModelMalformed(
                f"the stream of {request.model!r} has no reply", context={"model": request.model}
            )
        return reply

    @contextlib.contextmanager
    def advancing(self, call: ev.CallRequested, state: RunState) -> Generator[Report]:
        """What the tool of `call` may say how far it is with. Of an agent whose guardrails look at what tools
        say, only the numbers are told."""
        task = state.tasks.get(call.task_id)
        rails = task.agent.guardrails if task is not None and task.agent is not None else ()
        place = Place(state.created.workspace_id, state.created.run_id)
        advance = Advance(place, call, numbers_only=any(rail.covers("tool_results") for rail in rails))
        loop, begun = asyncio.get_running_loop(), False

        def put(done: float, total: float | None, message: str) -> None:
            nonlocal begun
            if advance.ended:
                return
            advance.put(done, total, message)
            if not begun:
                begun = True
                self._begin(advance)

        def report(done: float, total: float | None = None, message: str = "") -> None:
            if not loop.is_closed():  # a thread that hangs may come back when all is over
                loop.call_soon_threadsafe(put, done, total, message)

        try:
            yield report
        finally:
            advance.ended = True

    def _begin(self, speech: Speech | Advance) -> None:
        self._speeches.append(speech)
        if len(self._speeches) > WAITING:
            self._speeches = [one for one in self._speeches if not one.ended]
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all(), name="deltas")

    async def _tell_all(self) -> None:
        """Those that have ended at once, the others when their time has come."""
        loop = asyncio.get_running_loop()
        all_at = loop.time() + SPACING_SECONDS
        while self._speeches:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(all_at):
                    await self._hurry.wait()
            self._hurry.clear()
            ended = {one for one in self._speeches if one.ended}
            now, due = loop.time(), ended
            if now >= all_at:
                due, all_at = set(self._speeches), now + SPACING_SECONDS
            for speech in due:
                if now >= self._away_until:
                    await self._tell(speech, now)
            self._speeches = [one for one in self._speeches if one not in ended]

    async def _tell(self, speech: Speech | Advance, now: float) -> None:
        try:
            await speech.tell(self._air, now)
        except FlowmatikError as error:
            speech.unheard()
            self._away_until = now + AWAY_SECONDS
            if now >= self._quiet_until:
                self._quiet_until = now + QUIET_SECONDS
                log.warning("text cannot be told to who watches", extra={"error": error.message})

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
