"""Finding runs in memory."""

from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.port import RunHead
from flowmatik.core.journal.search_port import HeadFilter


class MemorySearch:
    """Implements `HeadSearch` over the runs that the journal keeps."""

    _runs: dict[str, Run]

    async def find_heads(
        self, workspace_id: str, wanted: HeadFilter, *, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        runs = [
            run
            for run in self._runs.values()
            if run.workspace_id == workspace_id
            and (before is None or (run.created_at, run.run_id) < before)
            and _is_wanted(run, wanted)
        ]
        runs.sort(key=lambda run: (run.created_at, run.run_id), reverse=True)
        return [run.head() for run in runs[:limit]]

    async def list_heads(
        self, workspace_id: str, *, status: str | None, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        wanted = HeadFilter(statuses=(status,) if status else ())
        return await self.find_heads(workspace_id, wanted, before=before, limit=limit)


def _is_wanted(run: Run, wanted: HeadFilter) -> bool:
    return (
        (not wanted.statuses or run.status in wanted.statuses)
        and wanted.agent in ("", run.agent)
        and wanted.parent in ("", run.parent)
        and set(wanted.tags) <= set(run.tags)
        and wanted.since <= run.created_at
        and (not wanted.until or run.created_at < wanted.until)
        and all(f" {word}" in run.goal_folded for word in wanted.words)
    )
