"""What cascades have cost and saved, as people see it."""

from collections.abc import Iterable

from flowmatik.contracts.cascades import CascadeView
from flowmatik.core.state import RunState, Tally


def of_task(state: RunState, task_id: str) -> CascadeView | None:
    tally = state.cascades.get(task_id)
    return None if tally is None else _view([tally])


def of_run(state: RunState) -> CascadeView | None:
    """Of all of its tasks together; what runs within it saved is theirs to say."""
    return _view(state.cascades.values()) if state.cascades else None


def _view(tallies: Iterable[Tally]) -> CascadeView:
    rows = list(tallies)
    drafts = None if any(row.unpriced for row in rows) else sum(row.drafts_micros for row in rows)
    strong = None if any(row.unknown for row in rows) else sum(row.instead_micros for row in rows)
    return CascadeView(
        cheap_turns=sum(row.cheap for row in rows),
        strong_turns=sum(row.strong for row in rows),
        drafts_micros=drafts,
        strong_micros=strong,
        saved_micros=None if drafts is None or strong is None else strong - drafts,
    )
