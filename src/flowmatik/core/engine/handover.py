"""What an owner that goes leaves to the next one."""

import logging

from flowmatik.core import events as ev
from flowmatik.core.engine.effects import Recorded
from flowmatik.core.engine.parts import Mail
from flowmatik.core.journal.port import Journal, NewEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import JournalUnavailable

log = logging.getLogger(__name__)
OUTCOMES = ("CallSucceeded", "CallFailed")


def outcome_in(mail: Mail) -> NewEvent | None:
    if isinstance(mail, ev.CallSucceeded | ev.CallFailed):
        return ev.encode(mail)
    return mail.encoded if isinstance(mail, Recorded) and mail.encoded.type in OUTCOMES else None


async def report(journal: Journal, run_id: str, outcome: NewEvent) -> None:
    """An outcome that came too late to be appended. The next owner reconciles the call if this never
    arrives."""
    fact = canonical.loads(outcome.payload)
    call_id = str(fact["call_id"])
    body = canonical.dumps({"call_id": call_id, "type": outcome.type, "event": fact})
    try:
        await journal.post(run_id, f"outcome:{call_id}", "outcome", body)
    except JournalUnavailable as error:
        log.warning(
            "a late outcome could not be handed over",
            extra={"run": run_id, "call": call_id, "error": error.message},
        )
