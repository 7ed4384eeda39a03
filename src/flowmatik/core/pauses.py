"""Whether a run is paused, told by its inbox: pauses and their ends alternate there, each with a number, so
that asking twice is asking once."""

from dataclasses import dataclass

from flowmatik.core.journal.port import Journal
from flowmatik.kernel import canonical

KINDS = ("pause", "unpause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How many there were, and whether the last one lasts."""

    count: int
    paused: bool


async def pauses_of(journal: Journal, run_id: str) -> Pauses:
    """With those that the run's owner has not read yet."""
    kinds = [item.kind for item in await journal.inbox(run_id, after=0) if item.kind in KINDS]
    return Pauses(count=kinds.count("pause"), paused=kinds[-1:] == ["pause"])


async def pause(journal: Journal, run_id: str, by: str, reason: str) -> None:
    found = await pauses_of(journal, run_id)
    if not found.paused:
        body = canonical.dumps({"by": by, "reason": reason})
        await journal.post(run_id, f"pause:{found.count + 1}", "pause", body)


async def unpause(journal: Journal, run_id: str) -> None:
    found = await pauses_of(journal, run_id)
    if found.paused:
        await journal.post(run_id, f"unpause:{found.count}", "unpause", "{}")
