"""Blobs in a bucket: requests are signed, and what keeps them from being answered is said by name."""

import pytest

from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.blobs.s3 import S3Blobs, S3Place
from flowmatik.testing.s3_server import serving
from tests.contracts.blobs.conftest import a_server, place_at

JSON = "application/json"


async def test_keys_that_are_wrong_are_refused_and_never_shown() -> None:
    async with serving(a_server()) as server:
        blobs = S3Blobs(place_at(server, secret_key="another-secret"))
        with pytest.raises(Unavailable, match="does not accept the keys") as said:
            await blobs.put("default", b"x", media_type=JSON)
        assert server.objects == {}
        assert server.refused > 0
    assert said.value.code == "unavailable.blobs"
    assert "another-secret" not in str(said.value)
    assert "another-secret" not in repr(place_at(server, secret_key="another-secret"))


async def test_a_bucket_that_is_not_there_is_named() -> None:
    async with serving(a_server()) as server:
        with pytest.raises(Unavailable, match="s3://elsewhere") as said:
            await S3Blobs(place_at(server, url="s3://elsewhere")).check()
    assert said.value.retryable


async def test_a_store_that_is_away_is_unavailable_and_answers_when_it_is_back() -> None:
    async with serving(a_server()) as server:
        blobs = S3Blobs(place_at(server))
        server.away = True
        with pytest.raises(Unavailable):
            await blobs.put("default", b"x", media_type=JSON)
        server.away = False
        ref = await blobs.put("default", b"x", media_type=JSON)
        assert await blobs.get("default", ref.sha256) == b"x"


async def test_a_bucket_without_a_prefix_keeps_workspaces_at_its_top() -> None:
    async with serving(a_server()) as server:
        ref = await S3Blobs(place_at(server, url="s3://blobs")).put("default", b"x", media_type=JSON)
        assert [*server.objects] == [f"default/{ref.sha256[:2]}/{ref.sha256}"]


async def test_nobody_listens_at_the_endpoint() -> None:
    place = S3Place(url="s3://blobs", endpoint="http://127.0.0.1:9", access_key="a", secret_key="b")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        await S3Blobs(place).check()
