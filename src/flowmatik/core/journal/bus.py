"""The relay's side of the journal in memory: pointers, subscribers and their places, dead letters."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from flowmatik.contracts.bus import DeadLetter
from flowmatik.core.journal.port import Behind, LetterPlace, OutboxEntry, place_of
from flowmatik.kernel.clock import Clock


class MemoryBus:
    """`head_seq` tells the last seq of a run."""

    def __init__(self, clock: Clock, head_seq: Callable[[str], int]) -> None:
        self._clock = clock
        self._head_seq = head_seq
        self._outbox: dict[tuple[str, int], OutboxEntry] = {}
        self._ordered: dict[str, bool] = {}  # by the name of a registered subscriber
        self._places: dict[tuple[str, str], int] = {}
        self._behind: dict[tuple[str, str], str] = {}  # the run's workspace
        self._dead: dict[tuple[str, str, int], DeadLetter] = {}
        self._relay = ("", 0.0)  # who has the right to relay, and until when

    def point(self, entry: OutboxEntry) -> None:
        self._outbox[entry.run_id, entry.from_seq] = entry

    def lease(self, owner: str, ttl_seconds: float) -> bool:
        holder, until = self._relay
        now = self._clock.monotonic()
        if holder != owner and until > now:
            return False
        self._relay = (owner, now + ttl_seconds)
        return True

    def release(self, owner: str) -> None:
        if self._relay[0] == owner:
            self._relay = ("", 0.0)

    def outbox(self, limit: int) -> list[OutboxEntry]:
        entries: list[OutboxEntry] = []
        for entry in self._outbox.values():
            if len(entries) >= limit:
                break
            entries.append(entry)
        return entries

    def obstacles(self, run_id: str) -> dict[str, bool]:
        """What keeps the run from being deleted."""
        return {
            "unrelayed": any(run == run_id for run, _ in self._outbox),
            "subscriber": any(run == run_id for _, run in self._behind),
            "dead_letters": any(run == run_id for _, run, _ in self._dead),
        }

    def forget(self, run_id: str) -> None:
        for key in [key for key in self._places if key[1] == run_id]:
            del self._places[key]

    def relayed(self, entries: Sequence[OutboxEntry], present: Collection[str]) -> None:
        absent = [name for name in self._ordered if name not in present]
        for entry in entries:
            if self._outbox.pop((entry.run_id, entry.from_seq), None) is None:
                continue
            for name in absent:
                self._places.setdefault((name, entry.run_id), entry.from_seq - 1)
                self._behind[name, entry.run_id] = entry.workspace_id

    def register(self, name: str, ordered: bool) -> None:
        self._ordered[name] = ordered

    def place(self, subscriber: str, run_id: str) -> int | None:
        return self._places.get((subscriber, run_id))

    def set_place(self, subscriber: str, run_id: str, seq: int) -> None:
        key = (subscriber, run_id)
        self._places[key] = max(seq, self._places.get(key, 0))
        if self._places[key] >= self._head_seq(run_id):
            self._behind.pop(key, None)

    def behind(self, subscriber: str, limit: int) -> list[Behind]:
        parked = self.parked()
        found = [
            Behind(run_id=run_id, workspace_id=workspace_id, seq=self._places[name, run_id])
            for (name, run_id), workspace_id in self._behind.items()
            if name == subscriber and (name, run_id) not in parked
        ]
        return found[:limit]

    def parked(self) -> set[tuple[str, str]]:
        return {(name, run_id) for name, run_id, _ in self._dead if self._ordered.get(name)}

    def bury(self, letter: DeadLetter) -> None:
        self._dead[letter.subscriber, letter.run_id, letter.seq] = replace(letter)

    def letters(self, workspace_id: str, after: LetterPlace | None, limit: int) -> list[DeadLetter]:
        found = sorted((one for one in self._dead.values() if one.workspace_id == workspace_id), key=place_of)
        return [one for one in found if after is None or place_of(one) > after][:limit]

    def letters_of(self, subscriber: str, run_id: str) -> list[DeadLetter]:
        found = (one for one in self._dead.values() if (one.subscriber, one.run_id) == (subscriber, run_id))
        return sorted(found, key=lambda letter: letter.seq)

    def count_letters(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, _, _ in self._dead:
            counts[name] = counts.get(name, 0) + 1
        return counts

    def drop(self, subscriber: str, run_id: str, seq: int) -> None:
        self._dead.pop((subscriber, run_id, seq), None)
