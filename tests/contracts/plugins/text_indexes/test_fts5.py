"""What is particular to a file: other processes, sudden ends, damage, and bytes that must be gone."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.memory.text_index import load_text_index
from flowmatik.memory.text_indexes.fts5 import build
from tests.contracts.plugins.text_indexes.conftest import ALL, fts5, row

_WRITER = """
import asyncio, sys
from flowmatik.memory.text_indexes.fts5 import build
from tests.contracts.plugins.text_indexes.conftest import row

async def main():
    index = build({"path": sys.argv[1]})
    for n in range(100_000):
        await index.upsert("one", [row(f"{n:06}-{k}", "zebra words", document=f"d{n}") for k in range(20)])
        if n == 2:
            print("writing", flush=True)

asyncio.run(main())
"""


async def test_another_process_reads_while_one_writes_and_its_sudden_end_leaves_whole_batches(
    tmp_path: Path,
) -> None:
    path = tmp_path / "text.db"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(path), stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert writer.stdout is not None
    async with asyncio.timeout(120):
        assert await writer.stdout.readline() == b"writing\n"
    index = build({"path": path})
    for _ in range(5):
        hits = await index.search("one", [("en:zebra",)], 100_000, ALL)
        assert len(hits) >= 40
        assert len(hits) % 20 == 0
    writer.send_signal(signal.SIGKILL)
    await writer.wait()
    count = await index.count("one")
    assert count % 20 == 0
    assert len(await index.search("one", [("en:zebra",)], 100_000, ALL)) == count
    await index.upsert("one", [row("after", "zebra")])
    assert await index.count("one") == count + 1
    await index.close()


async def test_nothing_of_what_was_deleted_is_left_in_the_files(tmp_path: Path) -> None:
    def left() -> int:
        return sum(path.read_bytes().count(b"zanahoria") for path in tmp_path.glob("text.db*"))

    async with fts5(tmp_path) as world:
        assert world.index is not None
        await world.put("one", row("a", "zanahoria", tags=["zanahoria-t"], acl=["user:zanahoria"]))
        await world.put("one", row("b", "giraffe words"))
        assert left()
        await world.index.delete("one", ["a"])
        assert left(), "or `purge` would have nothing to do"
        assert await world.index.purge("one")
        assert not left()
        assert await world.found("giraffe") == ["b"]
        await world.put("one", row("c", "zanahoria"))
        await world.index.drop("one")
        assert await world.index.purge("one")
        assert not left()


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_bytes(b"no database " * 1000)
    index = build({"path": path})
    with pytest.raises(Unavailable) as caught:
        await index.upsert("one", [row("a", "word")])
    assert (caught.value.code, caught.value.retryable) == ("unavailable.index.damaged", False)
    assert str(path) in caught.value.message
    path.unlink()
    await index.upsert("one", [row("a", "word")])
    assert await index.count("one") == 1
    await index.close()


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.db").mkdir()
    with pytest.raises(Unavailable, match="fts5") as caught:
        await build({"path": tmp_path / "text.db"}).health()
    assert caught.value.code == "unavailable.index"


def test_settings_that_are_missing_are_named(tmp_path: Path) -> None:
    for plugin, missing in (("fts5", "path"), ("elasticsearch", "url"), ("postgres", "database")):
        with pytest.raises(ConfigurationError, match=missing) as caught:
            load_text_index(plugin, {})
        assert caught.value.code == "config.index.settings"
