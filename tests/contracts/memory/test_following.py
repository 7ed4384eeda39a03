"""An index outside sees each change once and in order, whatever dies when."""

from collections.abc import Sequence

import pytest

from flowmatik.contracts.indexes import IndexChange
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import following
from tests.contracts.memory.conftest import WS, Shelf


class Index:
    """Remembers documents and its place in one step; `dies` before a step or after it."""

    def __init__(self) -> None:
        self.documents: set[str] = set()
        self.seen: list[int] = []
        self.dies = ""

    async def position(self, workspace_id: str) -> int:
        return self.seen[-1] if self.seen else 0

    async def apply(self, workspace_id: str, changes: Sequence[IndexChange]) -> None:
        if self.dies == "before":
            raise Unavailable("away")
        for one in changes:
            self.seen.append(one.position)
            (self.documents.discard if one.change == "deleted" else self.documents.add)(one.document)
        if self.dies == "after":
            raise Unavailable("away")


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_each_change_is_applied_once_and_in_order(shelf: Shelf, dies: str) -> None:
    for number in range(5):
        shelf.write(f"n{number}.md", f"Number {number}.")
    await shelf.take()
    database, index = shelf.database.within(WS), Index()
    index.dies = dies
    with pytest.raises(Unavailable):
        await following.follow(database, WS, index)
    index.dies = ""
    await following.follow(database, WS, index)
    await shelf.memory.remove(WS, "n1.md")
    shelf.write("n2.md", "Number two.")
    await shelf.take(shelf.folder / "n2.md")
    assert await following.follow(database, WS, index) == 2
    assert await following.follow(database, WS, index) == 0
    assert index.seen == sorted(set(index.seen))
    assert index.documents == {one.id for one in await shelf.memory.documents(WS)}
    assert not await following.changes_after(shelf.database.within("another"), "another", 0)
