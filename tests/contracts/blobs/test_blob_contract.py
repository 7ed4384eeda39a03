"""What every store of blobs promises."""

import asyncio
import hashlib

import pytest

from flowmatik.kernel.errors import EngineError, InvalidInput, NotFound
from tests.contracts.blobs.conftest import Kept

JSON = "application/json"
DATA = b'{"rows":[1,2,3]}'
SHA = hashlib.sha256(DATA).hexdigest()


async def test_what_is_put_is_got_by_its_hash(kept: Kept) -> None:
    ref = await kept.blobs.put("default", DATA, media_type=JSON)
    assert (ref.sha256, ref.bytes, ref.media_type) == (SHA, len(DATA), JSON)
    assert await kept.blobs.get("default", SHA) == DATA
    assert await kept.blobs.exists("default", SHA)


async def test_nothing_and_a_lot_can_be_put(kept: Kept) -> None:
    for data in (b"", bytes(range(256)) * 20_000):
        ref = await kept.blobs.put("default", data, media_type="application/octet-stream")
        assert await kept.blobs.get("default", ref.sha256) == data


async def test_the_same_content_again_is_the_same_blob_also_at_the_same_moment(kept: Kept) -> None:
    refs = await asyncio.gather(*(kept.blobs.put("default", DATA, media_type=JSON) for _ in range(8)))
    assert {ref.sha256 for ref in refs} == {SHA}
    assert [one async for one in kept.blobs.list("default")] == [SHA]


async def test_a_workspace_never_sees_what_another_one_has_put(kept: Kept) -> None:
    await kept.blobs.put("default", DATA, media_type=JSON)
    assert not await kept.blobs.exists("other", SHA)
    assert [one async for one in kept.blobs.list("other")] == []
    with pytest.raises(NotFound, match=SHA):
        await kept.blobs.get("other", SHA)
    await kept.blobs.delete("other", SHA)
    assert await kept.blobs.get("default", SHA) == DATA


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(kept: Kept) -> None:
    await kept.blobs.put("default", DATA, media_type=JSON)
    for _ in range(2):
        await kept.blobs.delete("default", SHA)
    assert not await kept.blobs.exists("default", SHA)
    with pytest.raises(NotFound):
        await kept.blobs.get("default", SHA)


async def test_all_of_a_workspace_are_listed(kept: Kept) -> None:
    wanted = {(await kept.blobs.put("default", bytes([n]), media_type=JSON)).sha256 for n in range(25)}
    assert {one async for one in kept.blobs.list("default")} == wanted


async def test_a_damaged_blob_is_said_to_be_damaged_and_mended_by_putting_it_again(kept: Kept) -> None:
    await kept.blobs.put("default", DATA, media_type=JSON)
    await kept.damage("default", SHA)
    with pytest.raises(EngineError, match="damaged") as said:
        await kept.blobs.get("default", SHA)
    assert said.value.code == "engine.blob"
    await kept.blobs.put("default", DATA, media_type=JSON)
    assert await kept.blobs.get("default", SHA) == DATA


@pytest.mark.parametrize("sha256", ["", "abc", "../" * 8, SHA.upper(), f"{SHA}/..", SHA[:-1] + "/"])
async def test_what_is_no_hash_never_reaches_the_store(kept: Kept, sha256: str) -> None:
    for call in (kept.blobs.get, kept.blobs.exists, kept.blobs.delete):
        with pytest.raises(InvalidInput) as said:
            await call("default", sha256)
        assert said.value.code == "input.blob"


@pytest.mark.parametrize("workspace", ["", "..", "a/b", "a\\b", ".hidden", "a..b"])
async def test_what_is_no_workspace_never_reaches_the_store(kept: Kept, workspace: str) -> None:
    with pytest.raises(InvalidInput):
        await kept.blobs.put(workspace, DATA, media_type=JSON)
    with pytest.raises(InvalidInput):
        await kept.blobs.get(workspace, SHA)


async def test_a_store_that_can_be_used_says_so(kept: Kept) -> None:
    await kept.blobs.check()
