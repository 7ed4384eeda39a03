"""An approval whose time is up: decided as a person would, so that both cannot win."""

from flowmatik.core.approving import expired
from flowmatik.core.engine.patience import retried
from flowmatik.core.journal.approvals_port import ApprovalJournal
from flowmatik.kernel.clock import Clock


async def expire(journal: ApprovalJournal, approval_id: str, clock: Clock) -> None:
    """For the run's owner, whose timer says that it is time. Afterwards somebody has decided."""

    async def once() -> bool:
        row = await journal.approval(None, approval_id)
        return row.status != "pending" or await journal.decide_approval(expired(row))

    while not await retried(once, clock):
        pass  # a vote that decided nothing went down in between
