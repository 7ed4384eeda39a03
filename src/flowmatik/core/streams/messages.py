"""What the bus writes into its streams, and how it is read again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.core.journal.port import OutboxEntry
from flowmatik.kernel import canonical
from flowmatik.kernel.events import CloudEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An event that is in no journal; `by` said it, and these durable subscribers have had it there."""

    event: CloudEvent
    by: str
    had_by: frozenset[str]


def hint(spans: Sequence[OutboxEntry]) -> Mapping[str, str]:
    rows = [[one.run_id, one.workspace_id, one.from_seq, one.to_seq] for one in spans]
    return {"spans": canonical.dumps(rows)}


def spans_in(fields: Mapping[str, str]) -> list[OutboxEntry]:
    """Nothing for what is no hint of ours: it is only a hint."""
    try:
        rows: Any = canonical.loads(fields["spans"])
        return [
            OutboxEntry(run_id=run_id, workspace_id=workspace_id, from_seq=first, to_seq=last)
            for run_id, workspace_id, first, last in rows
        ]
    except (KeyError, TypeError, ValueError):
        return []


def saying(event: CloudEvent, *, by: str, had_by: Collection[str]) -> Mapping[str, str]:
    return {"event": canonical.dumps(event.to_json()), "by": by, "had_by": canonical.dumps(sorted(had_by))}


def said_in(fields: Mapping[str, str]) -> Said | None:
    """None for what is no event of ours."""
    try:
        body: Any = canonical.loads(fields["event"])
        event = CloudEvent.from_json(body)
        return Said(event=event, by=fields["by"], had_by=frozenset(canonical.loads(fields["had_by"])))
    except (KeyError, TypeError, ValueError):
        return None
