"""A memory that has been asked before reads only what has changed since, and finds what one does that reads
everything."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import pytest

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory import DocumentLabels, Passage
from flowmatik.contracts.memory_entities import GazetteerEntry
from flowmatik.memory import StoredEntities, StoredMemory, StoredMemoryCare, loading
from flowmatik.memory.reading import OnBehalf
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock, WordEmbedder

NAMES = ("Zurbano Logistics", "Acme Foods", "Vela Norte", "Harbour Trust", "Casa Lirio", "Nave Azul")
WORDS = (
    *("invoice", "truck", "harbour", "paid", "late", "signed", "letter"),
    *("factura", "camión", "puerto", "pagó", "tarde", "firmó", "carta"),
)
QUESTIONS = (
    "Who signed the letter to Zurbano Logistics?",
    "¿Qué camión pagó Casa Lirio en el puerto?",
    "When was the invoice of Harbour Trust paid late?",
)


def text_of(draw: random.Random) -> str:
    def sentence() -> str:
        words = [draw.choice(WORDS) for _ in range(draw.randint(4, 9))]
        words.insert(draw.randint(1, 3), draw.choice(NAMES))
        return f"The {' '.join(words)}."

    parts = [f"## Part {n}\n\n{' '.join(sentence() for _ in range(3))}" for n in range(draw.randint(1, 3))]
    return "\n\n".join((f"# {draw.choice(NAMES)}", *parts))


def told(found: Sequence[Passage]) -> list[tuple[object, ...]]:
    """What must be the same, scores as exact as one question's vector multiplied in other blocks of rows."""
    return [
        (
            *(one.id, one.source, one.text, round(one.score, 5), one.replaces),
            *(round(value, 4) for _, value in one.scores),
            *((why.kind, why.entity, why.via) for why in one.why),
        )
        for one in found
    ]


async def asked(memory: StoredMemory, on_behalf: OnBehalf = None) -> list[list[tuple[object, ...]]]:
    return [told(await memory.search(WS, one, limit=6, on_behalf=on_behalf)) for one in QUESTIONS]


async def changes(shelf: Shelf, draw: random.Random) -> list[Callable[[], Awaitable[object]]]:
    """What may happen to a memory."""
    names = [f"d{n}.md" for n in range(12)]
    entities = StoredEntities(shelf.database, StandingClock())
    care = StoredMemoryCare(shelf.memory, StandingClock())

    async def rewritten() -> None:
        await shelf.take(shelf.write(draw.choice(names), text_of(draw)))

    async def moved() -> None:
        path = shelf.folder / draw.choice(names)
        if path.exists():
            path.rename(path.with_name(f"moved-{draw.randint(0, 999)}-{path.name}"))
        await shelf.take()

    async def removed() -> None:
        sources = await shelf.sources()
        if len(sources) > 3:
            source = draw.choice(sources)
            await shelf.memory.remove(WS, source)
            (shelf.folder / source.removeprefix("docs/")).unlink(missing_ok=True)

    async def labelled() -> None:
        labels = DocumentLabels(acl=tuple(draw.sample(("team:a", "team:b"), draw.randint(0, 2))))
        await shelf.take(shelf.write(draw.choice(names), text_of(draw)), labels=labels)

    async def joined() -> None:
        known = [one.key for one in await entities.list(WS)]
        if len(known) > 1 and not any(one.merged for one in await entities.list(WS)):
            one, other = draw.sample(known, 2)
            await entities.merge(WS, one, other, by="usr_1")

    async def named() -> None:
        await entities.set_gazetteer(WS, [GazetteerEntry(name=draw.choice(WORDS), aliases=(), kind="")])
        await care.rebuild(WS)

    return [rewritten, rewritten, moved, removed, labelled, joined, named]


@pytest.mark.parametrize("seed", [3])
async def test_what_is_found_is_the_same_after_whatever_has_changed(shelf: Shelf, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(8):
        shelf.write(f"d{number}.md", text_of(draw))
    await shelf.take()
    kept = shelf.another()
    await asked(kept)
    happenings = await changes(shelf, draw)
    for happening in [*happenings, *draw.choices(happenings, k=9)]:
        await happening()
        fresh = shelf.another()
        for on_behalf in (None, frozenset({"team:a"}), frozenset[str]()):
            assert await asked(kept, on_behalf) == await asked(fresh, on_behalf), happening


class Counting:
    """A database that counts the rows that are read of it."""

    def __init__(self, inner: Database) -> None:
        self.dialect: Literal["sqlite", "postgresql"] = inner.dialect
        self.rows = 0
        self._inner = inner

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        found = await self._inner.fetch(sql, *params)
        self.rows += len(found)
        return found

    async def transaction(self, statements: Sequence[Any]) -> list[int]:
        return await self._inner.transaction(statements)

    def within(self, workspace_id: str) -> "Counting":
        del workspace_id
        return self


async def test_after_a_change_of_one_document_only_that_one_is_read(shelf: Shelf) -> None:
    draw = random.Random(1)
    for number in range(30):
        shelf.write(f"d{number}.md", text_of(draw))
    await shelf.take()
    database = Counting(shelf.database.within(WS))
    embedder = shelf.embedder
    old = await loading.load(database, WS, embedder.id, embedder.dimension, None)
    whole, database.rows = database.rows, 0
    await shelf.take(shelf.write("d7.md", "# Vela Norte\n\nA single passage about Casa Lirio."))
    new = await loading.load(database, WS, embedder.id, embedder.dimension, old)
    assert database.rows < 40 < whole // 4
    assert new.revision > old.revision
    assert new.held.ring is old.held.ring
    assert await loading.load(database, WS, embedder.id, embedder.dimension, new) is new


async def test_a_store_that_its_outbox_does_not_lead_to_is_read_whole(shelf: Shelf) -> None:
    """As after a repair, which sets a file aside."""
    for number in range(4):
        shelf.write(f"d{number}.md", text_of(random.Random(number)))
    await shelf.take()
    kept = shelf.another()
    await asked(kept)
    (shelf.folder / "d2.md").unlink()
    await shelf.take()
    await shelf.database.within(WS).fetch("DELETE FROM memory_outbox WHERE workspace_id = $1 RETURNING 1", WS)
    assert await asked(kept) == await asked(shelf.another())


async def test_who_may_no_longer_see_a_document_does_not_find_it_at_the_next_question(shelf: Shelf) -> None:
    path = shelf.write("secret.md", "# Plan\n\nThe harbour is sold to Acme Foods.")
    shelf.write("open.md", "# Tide\n\nThe harbour is open.")
    everybody, nobody = DocumentLabels(acl=()), DocumentLabels(acl=("team:board",))
    team = frozenset({"team:crew"})
    await shelf.take(labels=everybody)
    for labels, count in ((everybody, 2), (nobody, 1), (everybody, 2)):
        await shelf.take(path, labels=labels)
        found = [await shelf.memory.search(WS, "harbour", on_behalf=team) for _ in range(2)]
        assert [len(one) for one in found] == [count, count]


async def test_vectors_of_another_embedder_take_the_place_of_all_at_once(shelf: Shelf) -> None:
    for number in range(3):
        shelf.write(f"d{number}.md", text_of(random.Random(number)))
    await shelf.take()
    wider = WordEmbedder(id="wider", dimension=32)
    kept = shelf.another(wider, shelf.embedder)
    await asked(kept)
    await StoredMemoryCare(kept, StandingClock()).reembed(WS)
    assert await asked(kept) == await asked(shelf.another(wider, shelf.embedder))
