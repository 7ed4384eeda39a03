"""Documents going in: a progress bar on a terminal, lines elsewhere."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session
from flowmatik.app.texts import shown_name
from flowmatik.contracts.memory import DocumentLabels, IngestProgress
from flowmatik.kernel.errors import NotFound


async def ingest(
    session: Session, backend: Backend, paths: Sequence[Path], labels: DocumentLabels | None = None
) -> list[IngestProgress]:
    """Put `paths` into memory, showing how far it is; what became of each file."""
    outcomes: list[IngestProgress] = []
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    shown = session.err.is_terminal and not session.json
    with Progress(*columns, console=session.err, transient=True, disable=not shown) as progress:
        bar = progress.add_task(session.text("memory.reading"), total=None)
        async for step in backend.memory.ingest(backend.workspace_id, list(paths), labels=labels):
            outcomes.append(step)
            progress.update(bar, total=step.total or None, completed=step.done)
            if step.outcome == "skipped":
                reason = session.text.fault(step.code, step.values, step.reason)
                progress.console.print(
                    session.text("memory.skipped", source=shown_name(step.source), reason=shown_name(reason)),
                    soft_wrap=True,
                )
    _say_notices(session, outcomes)
    counts = Counter(step.outcome for step in outcomes)
    parts = [session.text(f"memory.outcome.{name}", count=counts[name]) for name in OUTCOMES if counts[name]]
    session.say("memory.done", summary=", ".join(parts) or session.text("memory.nothing"))
    return outcomes


def _say_notices(session: Session, steps: Sequence[IngestProgress]) -> None:
    """Each one once, with the documents that it is about: an endpoint that is away concerns them all."""
    about: dict[str, list[str]] = {}
    for step in steps:
        for notice in step.notices:
            said = session.text.fault(notice.code, notice.values, notice.text)
            about.setdefault(said, []).append(shown_name(step.source))
    for said, sources in about.items():
        named, more = ", ".join(sources[:NAMED]), len(sources) - NAMED
        if more > 0:
            named = session.text("memory.and_more", documents=named, count=more)
        session.say("memory.notice", documents=named, said=shown_name(said))


def no_such_path(path: Path) -> NotFound:
    return NotFound(
        f"there is no file or folder {str(path)!r}", code="not_found.path", context={"path": str(path)}
    )


NAMED = 3
OUTCOMES = ("added", "updated", "moved", "unchanged", "deleted", "skipped")
