"""The state of a run as it stands, with as little reading as there can be."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core.history import whole
from flowmatik.core.journal.port import RunHead, RunReads
from flowmatik.core.salvage import Salvaged, salvaged
from flowmatik.core.snapshots.bodies import resumed
from flowmatik.core.snapshots.keeping import LEAST
from flowmatik.core.snapshots.version import fold_version


async def salvaged_now(reads: RunReads, head: RunHead, loop: AgentLoop) -> Salvaged:
    """As `salvaged` of its whole history, from a snapshot on if there is one."""
    if head.head_seq >= LEAST and not head.ended_at:
        snapshot = await reads.snapshot(head.run_id, fold_version(loop))
        if snapshot is not None:
            later = await whole(reads, head.run_id, after=snapshot.seq)
            if (state := resumed(snapshot, later, loop)) is not None:
                return Salvaged(state=state, fault=None)
    return salvaged(head, await whole(reads, head.run_id), loop)
