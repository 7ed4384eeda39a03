"""What several documents say is shown once, with the others named beside it, as far as they may be seen."""

import pytest

from flowmatik.contracts.memory import DocumentLabels, Search
from flowmatik.memory.reading import OnBehalf
from flowmatik.memory.rebuild import rebuild
from tests.contracts.memory.conftest import WS, Shelf

BOB = frozenset({"user:bob"})
NOTICE = (
    "The zebra keeper opens the north gate every morning and checks water, fences and feed before the first"
    " visitors come in; whoever finds a fence broken closes the path beside it and tells the office at once,"
    " which sends somebody with tools and keeps visitors away until the fence is whole again."
)


def written(shelf: Shelf, name: str, text: str = NOTICE) -> None:
    shelf.write(f"{name}.md", f"# Notice {name}\n\n{text}\n")


async def shown(
    shelf: Shelf, *, on_behalf: OnBehalf = None, sources: tuple[str, ...] = ()
) -> list[tuple[str, tuple[str, ...]]]:
    found = await shelf.memory.search(
        WS, "zebra keeper north gate fence", on_behalf=on_behalf, sources=sources
    )
    return [(one.source, one.also_in) for one in found]


async def test_copies_are_shown_once_and_named_and_counted(shelf: Shelf) -> None:
    written(shelf, "one")
    written(shelf, "two", NOTICE.replace("every morning", "each morning"))
    written(shelf, "other", "A zebra keeper is somebody who looks after zebras; a gate is no fence.")
    await shelf.take()
    assert (await shelf.memory.status(WS)).near_duplicates == 2
    ((first, others), (last, none)) = await shown(shelf)
    assert {first, *others} == {"one.md", "two.md"}
    assert (last, none) == ("other.md", ())
    found = await shelf.memory.find(WS, Search(query="zebra keeper north gate fence", limit=1))
    assert found.items[0].also_in == others


@pytest.mark.parametrize("change", ["removed", "changed"])
async def test_a_copy_that_is_gone_is_named_no_longer(shelf: Shelf, change: str) -> None:
    written(shelf, "one")
    written(shelf, "two")
    await shelf.take()
    if change == "removed":
        await shelf.memory.remove(WS, "two.md")
    else:
        written(shelf, "two", "The zebra has gone elsewhere.")
        await shelf.take()
    assert ("one.md", ()) in await shown(shelf)
    assert (await shelf.memory.status(WS)).near_duplicates == 0
    assert len(await shelf.rows("memory_near")) == 8


async def test_a_copy_that_somebody_may_not_see_is_not_named_to_them(shelf: Shelf) -> None:
    written(shelf, "open")
    await shelf.take()
    written(shelf, "secret")
    await shelf.take(shelf.folder / "secret.md", labels=DocumentLabels(acl=("team:hr",)))
    assert await shown(shelf, on_behalf=BOB) == [("open.md", ())]
    ((_, others),) = await shown(shelf)
    assert len(others) == 1
    assert await shown(shelf, sources=("open.md",)) == [("open.md", ())]


async def test_what_differs_in_a_number_is_shown_beside_it(shelf: Shelf) -> None:
    written(shelf, "one", f"{NOTICE} The fine is 40 euros.")
    written(shelf, "two", f"{NOTICE} The fine is 60 euros.")
    await shelf.take()
    assert {source for source, _ in await shown(shelf)} == {"one.md", "two.md"}


async def test_boilerplate_of_another_workspace_is_no_copy(shelf: Shelf) -> None:
    written(shelf, "one")
    await shelf.take()
    await shelf.take(workspace="elsewhere")
    assert await shown(shelf) == [("one.md", ())]
    assert (await shelf.memory.status(WS)).near_duplicates == 0


async def test_keys_are_made_again_with_what_is_derived(shelf: Shelf) -> None:
    written(shelf, "one")
    await shelf.take()
    before = await shelf.rows("memory_near")
    await shelf.database.within(WS).transaction([("DELETE FROM memory_near WHERE workspace_id = $1", (WS,))])
    async for _ in rebuild(shelf.database.within(WS), WS):
        pass
    assert before == await shelf.rows("memory_near")
