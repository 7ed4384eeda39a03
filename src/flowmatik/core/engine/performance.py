"""What becomes of a call once its intent is durable."""

import logging
from asyncio import CancelledError
from collections.abc import Callable

from flowmatik.contracts.models import ModelRequest
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.effects import RunPlace, recordable
from flowmatik.core.engine.guarding import guarded
from flowmatik.core.engine.outcomes import failed, faulty, never_begun
from flowmatik.core.engine.parts import DriverParts, Launch, Mail
from flowmatik.core.state import RunState

log = logging.getLogger(__name__)


class Performance:
    """The calls of one run, as long as one owner has it. `wants`: whether a call that waits for its turn is
    still to be made."""

    def __init__(
        self, state: RunState, parts: DriverParts, place: RunPlace, wants: Callable[[ev.CallRequested], bool]
    ) -> None:
        self._state = state
        self._parts = parts
        self._place = place
        self._wants = wants
        self.requests: dict[str, ModelRequest] = {}  # of intents not launched yet

    async def of(self, call: ev.CallRequested, *, recovering: bool) -> Mail:
        """The outcome; or the call again, when it is not known whose the run is or what became of it."""
        try:
            async with self._parts.turns.turn(call, self._place, lambda: self._wants(call)):
                await self._parts.lease.wait_valid()
                if not self._place.ours():  # only the next append can say whose it is
                    return Launch(call, recovering)
                outcome = await self._outcome(call, recovering)
                outcome = await guarded(outcome, call, self._state)
                outcome = await self._parts.effects.spared(outcome, call, self._place)
        except CancelledError:
            if not self._state.bars(call.purpose) or call.effect is not Effect.READ:
                raise  # what may have taken effect is for the next owner to find out
            outcome = failed(call, "call.aborted", "the run was stopped", charged=call.kind == "model")
        except Exception as error:  # a defect of ours must end the call, never leave it hanging
            log.exception("a call could not be performed", extra={"run": self._place.run_id})
            outcome = faulty(call, type(error).__name__)
        return recordable(outcome, call) if outcome else Launch(call, recovering=True)

    async def _outcome(self, call: ev.CallRequested, recovering: bool) -> ev.Event | None:
        effects = self._parts.effects
        if recovering:
            return await effects.recovered(call, self._place)
        if self._state.bars(call.purpose):
            return never_begun(call)
        if late := effects.late(call):
            return late
        if call.kind == "model":
            return await effects.model(call, self.requests.pop(call.call_id), self._place)
        return await effects.tool(call, self._place)
