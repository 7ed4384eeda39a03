"""What a model reads in passages is kept: read once, made again with the rest, gone with its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from flowmatik.contracts.graph_extraction import Extracted, PassageText
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.memory_entities import Relation
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import BudgetExhausted, InvalidInput, ModelUnavailable, NotFound
from flowmatik.memory import StoredEntities, StoredMemoryCare, graph_reading
from flowmatik.memory.graph_reading import StoredGraphReader
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock

ADA = Principal(id="usr_ada", name="Ada", workspace_id=WS, scopes=frozenset({"admin"}))
SAID = Relation(subject="mill", relation="sells", object="barley flour", document="mill.md")


@dataclass
class VerbReader:
    """Reads "A sells B." without a model. Each passage costs at most 10; `down` of the calls fail."""

    model: str = "custom/verbs"
    price: int | None = 10
    down: int = 0
    calls: list[list[str]] = field(default_factory=list[list[str]])

    def most_micros(self, workspace_id: str, passages: Sequence[PassageText]) -> int | None:
        return None if self.price is None else self.price * len(passages)

    async def read(self, workspace_id: str, passages: Sequence[PassageText]) -> Sequence[Extracted]:
        self.calls.append([one.text for one in passages])
        if self.down:
            self.down -= 1
            raise ModelUnavailable("the model is down")
        found = [re.findall(r"([\w ]+) (sells) ([\w ]+)\.", one.text) for one in passages]
        return [Extracted(relations=tuple(rows)) for rows in found]


def reader_of(shelf: Shelf, verbs: VerbReader) -> StoredGraphReader:
    return StoredGraphReader(shelf.database, StandingClock(), lambda _: verbs)


async def relations(shelf: Shelf, entity: str = "barley flour") -> tuple[Relation, ...]:
    """Without the passages that support them."""
    found = (await StoredEntities(shelf.database, StandingClock()).show(WS, entity)).relations
    assert {(one.document, passage.source) for one in found for passage in one.passages} == {
        (one.document, one.document) for one in found
    }
    return tuple(replace(one, passages=()) for one in found)


async def filled(shelf: Shelf) -> None:
    shelf.write("mill.md", "# Trade\n\nthe mill sells barley flour.\n")
    shelf.write("farm/ox.md", "# Beasts\n\nthe farm keeps an ox.\n")
    shelf.write("table.csv", "what,who\nsells,mill\n")
    await shelf.take()


async def test_what_was_read_is_shown_and_read_once(shelf: Shelf) -> None:
    await filled(shelf)
    verbs = VerbReader()
    reader = reader_of(shelf, verbs)
    with pytest.raises(NotFound):
        await relations(shelf)
    cost = await reader.cost(ADA)
    assert (cost.model, cost.passages, cost.calls, cost.most_micros) == ("custom/verbs", 2, 1, 20)
    assert verbs.calls == []
    done = await reader.read(ADA, most_micros=20)
    assert (done.passages, done.entities, done.relations, done.failed) == (2, 0, 1, 0)
    assert await relations(shelf) == await relations(shelf, "The Mill") == (SAID,)
    assert (await reader.cost(ADA)).passages == 0
    assert (await reader.read(ADA, most_micros=0)).passages == 0
    assert len(verbs.calls) == 1
    foreign = Principal(id="usr_eve", name="Eve", workspace_id="another", scopes=frozenset({"admin"}))
    assert (await reader.cost(foreign)).passages == 0


async def test_sources_and_a_limit_narrow_what_is_read_page_by_page(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_reading, "_PAGE", 1)
    await filled(shelf)
    verbs = VerbReader()
    reader = reader_of(shelf, verbs)
    assert (await reader.cost(ADA)).passages == 2
    assert (await reader.cost(ADA, sources=["farm"])).passages == 1
    assert (await reader.cost(ADA, limit=1)).passages == 1
    await reader.read(ADA, sources=["farm"], most_micros=10)
    assert [text.strip() for call in verbs.calls for text in call] == ["the farm keeps an ox."]
    for limit in (0, 10_001):
        with pytest.raises(InvalidInput):
            await reader.cost(ADA, limit=limit)


async def test_it_outlasts_a_rebuild_and_goes_with_its_text(shelf: Shelf) -> None:
    await filled(shelf)
    reader = reader_of(shelf, VerbReader())
    await reader.read(ADA, most_micros=20)
    counts = await shelf.rows("memory_entities")
    care = StoredMemoryCare(shelf.memory, StandingClock())
    await care.rebuild(WS)
    assert await relations(shelf) == (SAID,)
    assert await shelf.rows("memory_entities") == counts
    shelf.write("mill.md", "# Trade\n\nthe mill is closed.\n")
    await shelf.take()
    with pytest.raises(NotFound):
        await relations(shelf)
    assert (await reader.cost(ADA)).passages == 1, "what changed has not been read"
    assert len(await shelf.rows("memory_extractions")) == 1
    await care.forget(WS, ErasureRequest(document="farm/ox.md"), by="usr_ada")
    assert await shelf.rows("memory_extractions") == []


@pytest.mark.parametrize("price", [10, None])
async def test_what_may_cost_more_than_is_allowed_is_not_begun(shelf: Shelf, price: int | None) -> None:
    await filled(shelf)
    verbs = VerbReader(price=price)
    with pytest.raises(BudgetExhausted) as caught:
        await reader_of(shelf, verbs).read(ADA, most_micros=19)
    assert caught.value.code == "budget.graph"
    assert verbs.calls == []
    assert await shelf.rows("memory_extractions") == []


async def test_what_the_model_did_not_answer_for_is_read_the_next_time(shelf: Shelf) -> None:
    for number in range(9):
        shelf.write(f"{number}.md", f"# Page {number}\n\nthe mill sells barley flour.\n")
    await shelf.take()
    verbs = VerbReader(down=1)
    reader = reader_of(shelf, verbs)
    done = await reader.read(ADA, most_micros=1000)
    assert (done.passages, done.failed) == (1, 8)
    verbs.down = 1
    with pytest.raises(ModelUnavailable):
        await reader.read(ADA, most_micros=1000)
    assert (await reader.read(ADA, most_micros=1000)).passages == 8
    assert {one.document for one in await relations(shelf)} == {f"{number}.md" for number in range(9)}
