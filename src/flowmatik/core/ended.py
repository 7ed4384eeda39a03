"""Nothing more can be asked of a run that has ended."""

from flowmatik.contracts.runs import RunStatus
from flowmatik.core.journal.port import RunHead
from flowmatik.core.services import EngineServices
from flowmatik.kernel.errors import Conflict


async def not_ended(services: EngineServices, workspace_id: str, run_id: str) -> RunHead:
    """Raises Conflict for an ended run, NotFound for one that the workspace does not have."""
    head = await services.seen_from(workspace_id).head(workspace_id, run_id)
    if RunStatus(head.status).ended:
        raise Conflict(
            f"run {run_id} has ended ({head.status}); start a new run",
            code="conflict.run_ended",
            context={"run_id": run_id, "status": head.status},
        )
    return head
