"""An erasure whose process dies leaves what another needs to end and certify it."""

import pytest

from flowmatik.contracts.memory_care import ErasureRequest, Meant
from flowmatik.contracts.memory_entities import GazetteerEntry
from flowmatik.memory import StoredEntities, StoredMemoryCare, erasure
from flowmatik.memory.sync import Synchroniser
from tests.contracts.memory.conftest import TABLES, WS, Shelf
from tests.integration.memory.support import StandingClock

REQUEST = ErasureRequest(subject=("Ana Zurbarán",))


class Others:
    """Keeps something of documents; `dies` before it forgets them."""

    name = "others"

    def __init__(self) -> None:
        self.dies = False
        self.told: list[tuple[str, ...]] = []

    async def named(self, workspace_id: str, meant: Meant) -> int:
        return 0

    going = named

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        if self.dies:
            raise KeyboardInterrupt
        self.told.append(meant.documents)
        return len(meant.documents)


@pytest.mark.parametrize("dies", ["before", "between", "purging"])
async def test_it_is_ended_and_certified_by_the_next_process(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    shelf.write("ana.md", "# Staff\n\nAna Zurbarán works here.")
    shelf.write("pay.md", "# Pay\n\nThe keeper is paid.")
    await shelf.take()
    entities = StoredEntities(shelf.database, StandingClock())
    await entities.set_gazetteer(WS, [GazetteerEntry(name="Ana Zurbarán")])
    others = Others()
    care = StoredMemoryCare(shelf.memory, StandingClock(), others=[others])

    async def dead(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        others.dies = dies == "between"
        if dies == "before":
            patch.setattr(Synchroniser, "erase", dead)
        if dies == "purging":
            patch.setattr(StoredMemoryCare, "_purged", dead)
        with pytest.raises(KeyboardInterrupt):
            await care.forget(WS, REQUEST, by="usr_1")
    assert await shelf.sources() == (["ana.md", "pay.md"] if dies == "before" else ["pay.md"])
    assert await care.erasures(WS) == []
    others.dies = False
    assert await care.finish(WS, older_than=60) == [], "it may still be under way"
    [done] = await StoredMemoryCare(shelf.another(), StandingClock(), others=[others]).finish(WS)
    assert await care.erasures(WS) == [done]
    assert (done.documents, done.counts["documents"], done.counts["others"]) == (1, 1, 1)
    assert done.purged
    assert done.digest == erasure.digest_of(done)
    assert erasure.is_about(done, REQUEST)
    assert await shelf.sources() == ["pay.md"]
    assert await care.finish(WS) == []
    said = repr([await shelf.rows(table) for table in TABLES])
    assert not [mark for mark in ("Zurb", "zurb", "ana.md") if mark in said]
