"""The relay's side of the journal in memory: pointers, subscribers and their places, dead letters."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from flowmatik.contracts.bus import DeadLetter
from flowmatik.core.journal.port import Behind, LetterPlace, OutboxEntry, place_of
from flowmatik.kernel.clock import Clock


class MemoryBus:
    """`alive` tells whether a worker's lease holds."""

    def __init__(self, clock: Clock, alive: Callable[[str], bool]) -> None:
        self._clock = clock
        self._alive = alive
        self._outbox: dict[tuple[str, int], OutboxEntry] = {}
        self._ordered: dict[str, bool] = {}  # by the name of a registered subscriber
        self._places: dict[tuple[str, str], int] = {}
        self._behind: dict[tuple[str, str], str] = {}  # the run's workspace
        self._upto: dict[tuple[str, str], int] = {}  # what forgotten pointers said
        self._taken: dict[tuple[str, str], str] = {}  # by a worker
        self._tries: dict[tuple[str, str], int] = {}
        self._asked: dict[tuple[str, str], int] = {}
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
                self._leave_behind(name, entry)

    def _leave_behind(self, name: str, entry: OutboxEntry) -> None:
        key = (name, entry.run_id)
        place = self._places.setdefault(key, entry.from_seq - 1)
        self._upto[key] = max(entry.to_seq, self._upto.get(key, 0))
        if place < entry.to_seq:
            self._behind[key] = entry.workspace_id

    def register(self, name: str, ordered: bool) -> None:
        self._ordered[name] = ordered

    def place(self, subscriber: str, run_id: str) -> int | None:
        return self._places.get((subscriber, run_id))

    def set_place(self, subscriber: str, run_id: str, seq: int) -> None:
        key = (subscriber, run_id)
        self._places[key] = max(seq, self._places.get(key, 0))
        if self._places[key] >= self._upto.get(key, 0) and key not in self._taken and key not in self._asked:
            self._behind.pop(key, None)

    def behind(self, subscriber: str, limit: int) -> list[Behind]:
        return [self._standing(key, self._tries.get(key, 0)) for key in self._open(subscriber)][:limit]

    def _open(self, subscriber: str) -> list[tuple[str, str]]:
        parked = self.parked()
        return [
            key for key in self._behind if key[0] == subscriber and (key not in parked or key in self._asked)
        ]

    def _standing(self, key: tuple[str, str], tries: int) -> Behind:
        return Behind(
            run_id=key[1],
            workspace_id=self._behind[key],
            seq=self._places[key],
            tries=tries,
            asked=self._asked.get(key, 0),
        )

    def fall_behind(self, limit: int) -> list[OutboxEntry]:
        spans: dict[str, OutboxEntry] = {}
        for entry in list(self._outbox.values()):
            first = spans.get(entry.run_id)
            if first is None and len(spans) == limit:
                continue
            spans[entry.run_id] = entry if first is None else replace(first, to_seq=entry.to_seq)
            del self._outbox[entry.run_id, entry.from_seq]
        for span in spans.values():
            for name in self._ordered:
                self._leave_behind(name, span)
        return list(spans.values())

    def take(self, subscriber: str, owner: str, limit: int, run_id: str) -> list[Behind]:
        fresh: list[Behind] = []
        tried: list[Behind] = []
        for key in self._open(subscriber):
            holder = self._taken.get(key, "")
            if (run_id and key[1] != run_id) or (holder not in ("", owner) and self._alive(holder)):
                continue
            tries = self._tries.get(key, 0) + (holder not in ("", owner))
            (tried if tries else fresh).append(self._standing(key, tries))
        found = fresh[:limit] or sorted(tried, key=lambda one: one.tries)[:1]
        for one in found:
            key = (subscriber, one.run_id)
            self._taken[key] = owner
            self._tries[key] = one.tries
        return found

    def finish(self, subscriber: str, run_id: str, asked: int) -> None:
        key = (subscriber, run_id)
        self._taken.pop(key, None)
        self._tries.pop(key, None)
        if self._asked.get(key, 0) > asked:
            return
        self._asked.pop(key, None)
        if self._places.get(key, 0) >= self._upto.get(key, 0):
            self._behind.pop(key, None)

    def let_go(self, owner: str) -> None:
        for key in [key for key, holder in self._taken.items() if holder == owner]:
            del self._taken[key]

    def ask(self, subscriber: str, run_id: str) -> None:
        key = (subscriber, run_id)
        letters = self.letters_of(subscriber, run_id)
        if letters:
            self._places.setdefault(key, letters[0].seq - 1)
            self._behind[key] = letters[0].workspace_id
            self._asked[key] = self._asked.get(key, 0) + 1

    def parked(self) -> set[tuple[str, str]]:
        return {(name, run_id) for name, run_id, _ in self._dead if self._ordered.get(name)}

    def bury(self, letter: DeadLetter) -> None:
        key = (letter.subscriber, letter.run_id, letter.seq)
        before = self._dead[key].attempts if key in self._dead else 0
        self._dead[key] = replace(letter, attempts=before + letter.attempts)

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
