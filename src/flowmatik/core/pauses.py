"""Whether a run is paused, told by its inbox: pauses and their ends alternate there, each with a number, so
that asking twice is asking once."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowmatik.core.journal.port import Input, Journal
from flowmatik.kernel import canonical

KINDS = ("pause", "unpause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How many there were, and whether the last one lasts."""

    count: int
    paused: bool


async def pauses_of(journal: Journal, run_id: str) -> Pauses:
    """With those that the run's owner has not read yet."""
    return _told(await _inputs(journal, run_id))


async def pause(journal: Journal, run_id: str, by: str, reason: str, key: str = "") -> bool:
    """Whether it is this pause that holds: not when one does already, or was asked for under the same key."""
    inputs = await _inputs(journal, run_id)
    found = _told(inputs)
    if found.paused or _was_asked(inputs, "pause", key):
        return False
    body = canonical.dumps({"by": by, "reason": reason} | ({"key": key} if key else {}))
    return await journal.post(run_id, f"pause:{found.count + 1}", "pause", body)


async def unpause(journal: Journal, run_id: str, key: str = "") -> bool:
    inputs = await _inputs(journal, run_id)
    found = _told(inputs)
    if not found.paused or _was_asked(inputs, "unpause", key):
        return False
    body = canonical.dumps({"key": key} if key else {})
    return await journal.post(run_id, f"unpause:{found.count}", "unpause", body)


async def _inputs(journal: Journal, run_id: str) -> list[Input]:
    return [item for item in await journal.inbox(run_id, after=0) if item.kind in KINDS]


def _told(inputs: Sequence[Input]) -> Pauses:
    kinds = [item.kind for item in inputs]
    return Pauses(count=kinds.count("pause"), paused=kinds[-1:] == ["pause"])


def _was_asked(inputs: Sequence[Input], kind: str, key: str) -> bool:
    return bool(key) and any(
        item.kind == kind and canonical.loads(item.payload).get("key") == key for item in inputs
    )
