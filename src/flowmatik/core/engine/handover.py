"""What an owner that goes leaves to the next one."""

import asyncio
import logging
from collections.abc import Sequence

from flowmatik.core import events as ev
from flowmatik.core.engine.effects import Recorded
from flowmatik.core.engine.parts import Mail
from flowmatik.core.journal.port import Input, Journal, NewEvent, StoredEvent
from flowmatik.kernel import canonical

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 3.0
OUTCOMES = ("CallSucceeded", "CallFailed")


async def hand_over(journal: Journal, run_id: str, batch: Sequence[NewEvent], mail: Sequence[Mail]) -> None:
    """Report the outcomes among what its owner could not append; one that did go down all the same
    says nothing new."""
    outcomes = [event for event in batch if event.type in OUTCOMES]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for outcome in (*outcomes, *filter(None, map(_outcome_in, mail))):
                await _report(journal, run_id, outcome)
    except TimeoutError:
        log.warning("the journal did not take late outcomes in time", extra={"run": run_id})


def _outcome_in(mail: Mail) -> NewEvent | None:
    if isinstance(mail, ev.CallSucceeded | ev.CallFailed):
        return ev.encode(mail)
    return mail.encoded if isinstance(mail, Recorded) and mail.encoded.type in OUTCOMES else None


def outcome_of(item: Input) -> ev.CallSucceeded | ev.CallFailed:
    """What an input of kind "outcome" tells. Raises EngineError, LookupError or ValueError when it cannot be
    read."""
    body = canonical.loads(item.payload)
    stored = StoredEvent(seq=0, type=body["type"], payload=canonical.dumps(body["event"]), at=item.at)
    event = ev.decode(stored)
    if not isinstance(event, ev.CallSucceeded | ev.CallFailed):
        raise ValueError(f"{stored.type} is no outcome")
    return event


async def _report(journal: Journal, run_id: str, outcome: NewEvent) -> None:
    """An outcome that came too late to be appended. The next owner reconciles the call if this never
    arrives."""
    fact = canonical.loads(outcome.payload)
    call_id = str(fact["call_id"])
    body = canonical.dumps({"call_id": call_id, "type": outcome.type, "event": fact})
    try:
        await journal.post(run_id, f"outcome:{call_id}", "outcome", body)
    except Exception as error:  # it is one of several, and perhaps what the store cannot take
        log.warning(
            "a late outcome could not be handed over",
            extra={"run": run_id, "call": call_id, "error": f"{type(error).__name__}: {error}"},
        )
