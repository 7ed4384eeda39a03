"""Whether what writers were told fits one order of what a run's history holds: no gap, nothing that was
acknowledged is missing, nothing that was refused is there, and what ended before something else began comes
before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowmatik.core.journal.port import Appended, Input, StoredEvent
from flowmatik.kernel import canonical
from tests.contracts.journal.writers import WS, Op


@dataclass(frozen=True, slots=True)
class Head:
    """What a fence looks at."""

    epoch: int
    seq: int
    owned: bool

    def admits(self, op: Op) -> bool:
        return op.workspace == WS and self.owned and (self.epoch, self.seq) == (op.epoch, op.seq)


def check_order(ops: Sequence[Op], history: Sequence[StoredEvent], inbox: Sequence[Input]) -> None:
    """All of one run."""
    assert [one.seq for one in history] == list(range(1, len(history) + 1)), "gaps in seq"
    assert history[0].type == "RunCreated"
    written = _written(ops, history)
    posted = _posted(ops, inbox)
    heads = _heads(written)
    _check_time(written)
    _check_time(posted)
    for op in ops:
        if op.kind == "append" and op.told is None:
            _check_refusal(op, written, heads)
        elif isinstance(op.told, Appended) and op.kind == "append":
            _check_tail(op, op.told, posted)
    _check_repeats(ops)


def _written(ops: Sequence[Op], history: Sequence[StoredEvent]) -> list[Op]:
    """The appends and claims that the history consists of, in its order. Each was acknowledged, once."""
    appends = {op.name: op for op in ops if op.kind == "append"}
    claims = {op.seq: op for op in ops if op.kind == "claim" and op.told is not None}
    told = [op for op in (*appends.values(), *claims.values()) if op.told is not None]
    written: list[Op] = []
    at = 1
    while at < len(history):
        found = history[at]
        body = canonical.loads(found.payload)
        if found.type == "RunClaimed":
            op = claims.get(found.seq)
            assert op is not None, f"nobody was told of the claim at {found.seq}"
            assert body["epoch"] == op.told, f"{op} is at {found.seq} as {body}"
            at += 1
        else:
            op = appends[body["op"]]
            assert isinstance(op.told, Appended), f"{op} was refused and is at {found.seq}"
            assert op.seq == at, f"{op} is at {found.seq}"
            parts = [(one.type, canonical.loads(one.payload)) for one in history[at : at + op.events]]
            assert parts == [("Noted", {"op": op.name, "part": n}) for n in range(op.events)], f"torn: {op}"
            assert op.told.head_seq == at + op.events, f"{op} is told another end"
            at += op.events
        written.append(op)
    assert len(written) == len(told), f"acknowledged and lost: {[op for op in told if op not in written]}"
    return written


def _posted(ops: Sequence[Op], inbox: Sequence[Input]) -> list[Op]:
    assert [item.input_no for item in inbox] == list(range(1, len(inbox) + 1)), "gaps in the inbox"
    taken = {op.name: op for op in ops if op.kind == "post" and op.told is True}
    assert len(taken) == sum(op.kind == "post" and op.told is True for op in ops), "an input was taken twice"
    assert [item.input_id for item in inbox if item.input_id not in taken] == [], "nobody was told of it"
    assert len(inbox) == len(taken), "an input that was taken is lost"
    for op in ops:
        if op.kind == "post" and op.told is False:
            assert op.name in taken, f"{op} was refused for nothing"
            assert taken[op.name].began < op.ended, f"{op} was refused before its like was posted"
    return [taken[item.input_id] for item in inbox]


def _heads(written: Sequence[Op]) -> list[Head]:
    """Before the first write, and after each. Every write found the head that it named."""
    heads = [Head(0, 1, owned=False)]
    for op in written:
        before = heads[-1]
        if op.kind == "claim":
            assert (op.told, op.seq) == (before.epoch + 1, before.seq + 1), f"{op} over {before}"
            heads.append(Head(before.epoch + 1, before.seq + 1, owned=True))
        else:
            assert isinstance(op.told, Appended)
            assert before.admits(op), f"{op} went down over {before}"
            assert op.told.parked == (op.seen is not None and op.seen == op.told.inbox_tail), op
            heads.append(Head(before.epoch, op.told.head_seq, owned=not op.told.parked))
    return heads


def _check_time(done: Sequence[Op]) -> None:
    latest = float("-inf")
    for op in done:
        assert op.ended >= latest, f"{op} had ended before something began that comes before it"
        latest = max(latest, op.began)


def _window(op: Op, done: Sequence[Op]) -> tuple[int, int]:
    """Of the order of `done`, how many came before `op` at least and at most."""
    least = max((n for n, one in enumerate(done, 1) if one.ended < op.began), default=0)
    most = min((n for n, one in enumerate(done) if one.began > op.ended), default=len(done))
    return least, most


def _check_refusal(op: Op, written: Sequence[Op], heads: Sequence[Head]) -> None:
    least, most = _window(op, written)
    assert not all(head.admits(op) for head in heads[least : most + 1]), f"{op} was refused for nothing"


def _check_tail(op: Op, told: Appended, posted: Sequence[Op]) -> None:
    least, most = _window(op, posted)
    assert least <= told.inbox_tail <= most, f"{op} saw {told.inbox_tail} inputs of {least} to {most}"


def _check_repeats(ops: Sequence[Op]) -> None:
    """What is written again, with nothing of the run in between, is answered as the first time."""
    first = {op.name: op for op in ops if op.kind == "append"}
    for op in ops:
        if op.kind == "again" and isinstance(op.told, Appended):
            original = first[op.name].told
            assert isinstance(original, Appended)
            assert op.told.head_seq == original.head_seq, f"{op} is answered otherwise than {original}"
