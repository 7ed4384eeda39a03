"""Indexes that keep files: other processes, sudden ends, and what erased rows leave behind."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from flowmatik.contracts.vector_indexes import VectorIndex
from tests.contracts.plugins.vector_indexes.conftest import WS
from tests.contracts.plugins.vector_indexes.corpus import rows
from tests.contracts.plugins.vector_indexes.makers import Maker
from tests.contracts.plugins.vector_indexes.other_process import BATCH

SECRET = "Chunk-of-Ms-Zbigniewa-8843"


def other(in_files: Maker, folder: Path, role: str) -> subprocess.Popen[str]:
    module = "tests.contracts.plugins.vector_indexes.other_process"
    return subprocess.Popen(
        [sys.executable, "-m", module, in_files.name, str(folder), role], stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


async def test_a_second_process_reads_while_one_writes_or_is_refused_clearly(
    own: VectorIndex, in_files: Maker, tmp_path: Path
) -> None:
    await own.upsert(WS, rows(20))
    process = other(in_files, tmp_path, "read")
    told, _ = process.communicate(timeout=120)
    if in_files.shared:
        assert told.split() == ["found", "20"]
    else:
        assert told.split() == ["refused", "unavailable.index.taken"]
    await own.upsert(WS, rows(21))
    assert await own.count(WS) == 21


async def test_what_was_written_before_a_sudden_end_is_there_and_no_place_is_ahead_of_it(
    in_files: Maker, tmp_path: Path
) -> None:
    process = other(in_files, tmp_path, "write")
    done = 0
    while done < 4:
        word, number = said(process)
        assert word == "wrote"
        done = int(number)
    process.kill()
    process.communicate(timeout=120)
    index = in_files.made(tmp_path)
    held = await index.held(WS)
    assert held.position >= done
    assert await index.count(WS) >= held.position * BATCH
    everything = {chunk for chunk, _ in await index.search(WS, rows(1)[0].vector, 5000)}
    assert len(everything) == await index.count(WS)
    again = rows(BATCH, seed=5)
    await index.upsert(WS, again)
    assert (await index.search(WS, again[3].vector, 1))[0][0] == again[3].chunk
    await index.close()


async def test_nothing_of_an_erased_row_is_left_on_the_disk(
    own: VectorIndex, in_files: Maker, tmp_path: Path
) -> None:
    pattern = np.linspace(0.11, 0.93, 16, dtype=np.float32)
    (row, *others) = rows(40)
    held = [replace(row, chunk=SECRET, vector=pattern), *others]
    await own.upsert(WS, held)
    await own.advance(WS, 1)
    stored = (pattern / np.linalg.norm(pattern)).astype("<f4").tobytes()
    assert _found(tmp_path, SECRET.encode())
    await own.delete(WS, [SECRET])
    assert await own.purge()
    assert not _found(tmp_path, SECRET.encode())
    assert not _found(tmp_path, stored[:16])
    assert await own.count(WS) == 39
    assert (await own.held(WS)).position == 1
    await own.upsert(WS, held[:1])
    assert (await own.search(WS, pattern, 1))[0][0] == SECRET


async def test_what_was_written_is_there_after_a_restart(
    own: VectorIndex, in_files: Maker, tmp_path: Path
) -> None:
    await own.upsert(WS, rows(30))
    await own.advance(WS, 5)
    await own.close()
    again = in_files.made(tmp_path)
    assert (await again.held(WS)).position == 5
    assert len(await again.search(WS, rows(1)[0].vector, 100)) == 30
    assert await again.health()
    await again.close()


def _found(folder: Path, what: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and what in path.read_bytes()]
