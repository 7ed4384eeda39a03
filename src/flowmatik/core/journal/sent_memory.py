"""What callers have sent, in memory."""

from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.sent_port import Signals


class MemorySent:
    _runs: dict[str, Run]
    _keys: dict[tuple[str, str], str]

    async def run_of_key(self, workspace_id: str, key: str) -> str:
        return self._keys.get((workspace_id, key), "") if key else ""

    async def signals_of(self, run_id: str) -> Signals:
        run = self._runs.get(run_id)
        sizes = [len(item.payload.encode()) for item in run.inbox if item.kind == "signal"] if run else []
        return Signals(count=len(sizes), size=sum(sizes))
