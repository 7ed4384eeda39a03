"""A process that is killed in the middle of an ingest leaves whole documents only."""

import asyncio
import signal
import sys
from pathlib import Path

from flowmatik.kernel.sqlite import connect
from flowmatik.memory import build_memory
from tests.integration.memory.support import StandingClock, ingest

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import build_memory

async def main():
    memory = build_memory(Path(sys.argv[1]), embedder=None, clock=SystemClock())
    async for progress in memory.ingest("default", [Path(sys.argv[2])]):
        print(progress.done, flush=True)

asyncio.run(main())
"""
_FILES, _SECTIONS = 60, 40


async def test_a_killed_ingest_leaves_whole_documents_and_the_next_one_finishes(
    tmp_path: Path, folder: Path
) -> None:
    for number in range(_FILES):
        sections = (f"## S{i}\n\nSection {i} of file {number} speaks.\n" for i in range(_SECTIONS))
        (folder / f"f{number:02}.md").write_text("# T\n\n" + "\n".join(sections), encoding="utf-8")
    path = tmp_path / "m.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, str(path), str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    while (await process.stdout.readline()).strip() != b"5":
        assert process.returncode is None
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL

    connection = connect(path)
    counts = [row[0] for row in connection.execute("SELECT count(*) FROM memory_chunks GROUP BY document")]
    strays = connection.execute(
        "SELECT count(*) FROM memory_postings WHERE chunk NOT IN (SELECT number FROM memory_chunks)"
    )
    assert strays.fetchone()[0] == 0
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert 5 <= len(counts) < _FILES
    assert set(counts) == {_SECTIONS}

    memory = build_memory(path, embedder=None, clock=StandingClock())
    await ingest(memory, folder)
    assert (await memory.status("default")).chunks == _FILES * _SECTIONS
    await memory.close()
