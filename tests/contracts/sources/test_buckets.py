"""A bucket behind the scripted S3: only changed objects are fetched, and one that was moved is not."""

import pytest

from flowmatik.kernel.errors import InvalidInput
from flowmatik.testing.s3_server import S3Server, serving
from tests.contracts.sources.conftest import Setting, counted
from tests.integration.memory.support import WordEmbedder

pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)

KEYS = {"access_key": "env:SOURCE_KEY", "secret_key": "env:SOURCE_SECRET"}


async def test_only_changed_objects_are_fetched_and_moves_cost_nothing(
    at: Setting, embedder: WordEmbedder
) -> None:
    at.secrets = {"env:SOURCE_KEY": "key", "env:SOURCE_SECRET": "secret"}
    server = S3Server(bucket="docs", access_key="key", secret_key="secret")
    async with serving(server):
        for number in range(12):  # more than a page of the list
            server.objects[f"kb/f{number}.md"] = f"# T{number}\n\nThe heron number {number} wades.".encode()
        server.objects["other/x.md"] = b"# X\n\nNo."
        await at.added("s3", bucket="docs", prefix="kb", endpoint=server.url, allow_private="true", **KEYS)
        assert counted(await at.synced()) == {"added": 12}
        embedded = len(embedder.calls)
        assert counted(await at.synced()) == {"unchanged": 12}
        server.objects["kb/f1.md"] = b"# T1\n\nThe heron has flown."
        server.objects["kb/moved/f2.md"] = server.objects.pop("kb/f2.md")
        del server.objects["kb/f3.md"]
        assert counted(await at.synced()) == {"unchanged": 9, "updated": 1, "moved": 1, "deleted": 1}
        assert len(embedder.calls) == embedded + 1
        names = await at.names()
        assert "docs/moved/f2.md" in names
        assert "docs/f2.md" not in names
        server.away = True
        report = await at.synced()
        assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
        assert await at.names() == names


async def test_secrets_are_named_and_private_endpoints_are_closed(at: Setting) -> None:
    for settings in ({}, {"bucket": "b", "access_key": "AKIA", "secret_key": "x"}):
        with pytest.raises(InvalidInput):
            await at.added("s3", **settings)
    at.secrets = {"env:SOURCE_KEY": "key", "env:SOURCE_SECRET": "secret"}
    await at.added("s3", bucket="b", endpoint="http://127.0.0.1:1", **KEYS)
    report = await at.synced()
    assert (report.status, "private network" in report.reason) == ("failed", True)
