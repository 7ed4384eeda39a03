"""A workspace moves to another embedder while it is searched."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from flowmatik.kernel.errors import ModelUnavailable, NotFound
from flowmatik.memory import StoredMemoryCare
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock, WordEmbedder


class Interrupted(WordEmbedder):
    """Fails from the `after`-th call on; `meanwhile` happens at each."""

    after: int = 99
    times: int = 0

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.times += 1
        if self.times > self.after:
            raise ModelUnavailable("away")
        return await super().embed(texts)


async def test_the_old_vectors_serve_until_the_last_new_one_is_there(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowmatik.memory.reembed.BATCH", 2)
    for number in range(5):
        shelf.write(f"n{number}.md", f"# N{number}\n\nThe word of the day {number} is mellon.")
    await shelf.take()
    wider = Interrupted(id="wider", dimension=32)
    moving = shelf.another(wider, shelf.embedder)
    care = StoredMemoryCare(moving, StandingClock())
    assert (await moving.status(WS)).embedding_model == "words"
    wider.after = 2
    with pytest.raises(ModelUnavailable):
        await care.reembed(WS)
    assert (await moving.status(WS)).embedding_model == "words"
    assert dict((await moving.search(WS, "the word of the day"))[0].scores)["dense"] > 0
    assert len(await shelf.rows("memory_vectors")) == 5 + 4
    shelf.write("late.md", "# Late\n\nStored meanwhile.")
    await shelf.take()

    wider.after, wider.calls = 99, []
    moved = await care.reembed(WS)
    assert (moved.embedder, moved.chunks, len(wider.calls)) == ("wider", 2, 2)
    status = await moving.status(WS)
    assert (status.embedding_model, status.embedded, status.chunks) == ("wider", 6, 6)
    assert {row[2] for row in await shelf.rows("memory_vectors")} == {"wider"}
    assert dict((await moving.search(WS, "the word of the day"))[0].scores)["dense"] > 0
    assert (await care.reembed(WS)).chunks == 0
    shelf.write("later.md", "# Later\n\nStored afterwards.")
    async for _ in moving.ingest(WS, [shelf.folder]):
        pass
    assert (await moving.status(WS)).embedded == 7


async def test_an_embedder_that_is_not_there_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound) as caught:
        await StoredMemoryCare(shelf.memory, StandingClock()).reembed(WS, "nobody")
    assert caught.value.code == "not_found.embedder"
    assert "words" in str(caught.value)
