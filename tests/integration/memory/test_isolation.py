"""Parsers in a process of their own: what that process may do, and what is left when it dies."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from flowmatik.kernel.errors import DocumentError
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import IngestLimits, build_memory
from flowmatik.memory.isolation import Workers, process
from flowmatik.memory.isolation.process import WorkerProcess
from flowmatik.memory.prepare import Job
from flowmatik.memory.records import Stamp
from tests.integration.memory.support import StandingClock, best, outcomes

ROOT = Path(__file__).parents[3]


def job(data: bytes = b"# Tides\n\nThe tide turns.", name: str = "a.md", kind: str = "markdown") -> Job:
    stamp = Stamp(path=f"/{name}", content_hash="", size=len(data), mtime_ns=0)
    return Job(format_id=kind, name=name, data=data, document_id="doc_1", stamp=stamp, at="")


@cache
def endless_pdf() -> bytes:
    """One page of some million operators: a minute for any reader, a few kilobytes on disk."""
    stream = zlib.compress(b"BT /F1 9 Tf " + b"1 0 0 1 9 9 Tm (word) Tj " * 1_500_000 + b"ET", 1)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(stream), stream),
    ]
    data, places = b"%PDF-1.7\n", list[int]()
    for number, part in enumerate(parts, start=1):
        places.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    return data + b"xref\n0 5\n0000000000 65535 f \n" + table + end


async def until(true: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it did not come to pass within two minutes")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True, kw_only=True)
class Looked:
    environment: bytes
    limits: str
    network: str
    handles: list[str]


def looked_at(pid: int) -> Looked:
    place = Path(f"/proc/{pid}")
    return Looked(
        environment=(place / "environ").read_bytes(),
        limits=(place / "limits").read_text(encoding="utf-8"),
        network=os.readlink(place / "ns" / "net"),
        handles=[os.readlink(one) for one in (place / "fd").iterdir()],
    )


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    built = Workers(IngestLimits(parse_seconds=100))
    yield built
    await built.close()


async def test_a_worker_is_started_at_need_stays_warm_and_goes_with_its_owner(workers: Workers) -> None:
    assert workers.pids == ()
    prepared = await workers.prepare(job())
    (pid,) = workers.pids
    assert prepared.record.chunks[0].heading == "Tides"
    await workers.prepare(job())
    assert workers.pids == (pid,)
    await workers.close()
    assert workers.pids == ()
    assert not is_running(pid)


async def test_a_worker_inherits_no_secret_and_holds_itself_to_its_limits(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    await workers.prepare(job())
    (pid,) = workers.pids
    about = await asyncio.to_thread(looked_at, pid)
    assert about.environment == b""
    assert {"memory", "files", "parent", "privileges"} <= set(workers.holds)
    assert ("network" in workers.holds) == (about.network != os.readlink("/proc/self/ns/net"))
    assert f"Max address space         {IngestLimits().worker_bytes} " in about.limits
    assert [one for one in about.handles if not one.startswith(("pipe:", "/dev/null"))] == []


async def test_no_more_files_are_parsed_side_by_side_than_agreed(workers: Workers) -> None:
    await asyncio.gather(*(workers.prepare(job()) for _ in range(8)))
    assert 1 <= len(workers.pids) <= 2


async def test_an_idle_worker_ends_by_itself() -> None:
    workers = Workers(IngestLimits(worker_idle_seconds=0.05))
    await workers.prepare(job())
    (pid,) = workers.pids
    await until(lambda: not is_running(pid))
    assert (await workers.prepare(job())).record.title == "Tides"
    await workers.close()


async def test_a_file_that_takes_for_ever_is_given_up_and_the_next_one_is_read() -> None:
    workers = Workers(IngestLimits(parse_seconds=0.5))
    data = endless_pdf()
    assert len(data) < 1_000_000
    with pytest.raises(DocumentError) as caught:
        await workers.prepare(job(data, "long.pdf", "pdf"))
    assert caught.value.code == "document.timeout"
    assert (await workers.prepare(job())).record.title == "Tides"
    await workers.close()


async def test_a_file_that_needs_too_much_memory_is_reported_after_a_second_try_alone() -> None:
    workers = Workers(IngestLimits(worker_bytes=160 << 20))
    await workers.prepare(job())
    (first,) = workers.pids
    with pytest.raises(DocumentError) as caught:
        await workers.prepare(job(b"words of all kinds. " * 2_000_000, "long.md"))
    assert caught.value.code == "document.memory"
    assert first not in workers.pids
    assert (await workers.prepare(job())).record.title == "Tides"
    await workers.close()


async def test_a_file_that_ends_its_worker_twice_is_reported_and_once_is_forgiven(workers: Workers) -> None:
    async def ending(times: int) -> None:
        seen: set[int] = set()
        for _ in range(times):
            await until(lambda: bool(set(workers.pids) - seen))
            (pid,) = set(workers.pids) - seen
            seen.add(pid)
            os.kill(pid, signal.SIGSEGV)

    await asyncio.gather(workers.prepare(job(b"# Tides\n\n" + b"The tide turns. " * 8_000)), ending(1))
    await workers.close()
    with pytest.raises(DocumentError) as caught:
        await asyncio.gather(workers.prepare(job(endless_pdf(), "a.pdf", "pdf")), ending(2))
    assert (caught.value.code, caught.value.context) == ("document.killed", {"status": -signal.SIGSEGV})


async def test_a_cancelled_sync_leaves_no_worker_at_work(workers: Workers) -> None:
    asked = asyncio.ensure_future(workers.prepare(job(endless_pdf(), "a.pdf", "pdf")))
    await until(lambda: bool(workers.pids))
    (pid,) = workers.pids
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert workers.pids == ()
    assert not is_running(pid)


async def test_where_no_process_can_be_started_files_are_read_here_and_it_is_said(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process.sys, "executable", "/no/such/python")
    assert (await workers.prepare(job())).record.title == "Tides"
    assert (await workers.prepare(job())).record.title == "Tides"
    assert [one.message for one in caplog.records].count(
        "no process can be started here: documents are parsed in this one, without limits of memory"
    ) == 1


async def test_one_fatal_file_costs_the_sync_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nAlpha.", encoding="utf-8")
    (folder / "b.pdf").write_bytes(endless_pdf())
    (folder / "c.md").write_text("# C\n\nGamma.", encoding="utf-8")
    limits = IngestLimits(parse_seconds=0.5)
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock(), limits=limits)
    assert await outcomes(memory, folder) == {"a.md": "added", "b.pdf": "document.timeout", "c.md": "added"}
    assert (await best(memory, "gamma")).source == "c.md"
    await memory.close()


PARENT = """
import asyncio
from tests.integration.memory.test_isolation import job
from flowmatik.memory.isolation import Workers
from flowmatik.memory.limits import IngestLimits

async def main():
    workers = Workers(IngestLimits(parse_seconds=100))
    await workers.prepare(job())
    print(*workers.pids, flush=True)
    await asyncio.sleep(100)

asyncio.run(main())
"""


@pytest.mark.parametrize("deaf", [True, False], ids=["deaf", "listening"])
async def test_no_worker_outlives_a_parent_that_was_killed(deaf: bool) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT)))},
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_running(pid)
    if deaf:  # it cannot see that its pipe has ended
        os.kill(pid, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_running(pid))


_TRIES = """
import json, os, sys
from flowmatik.memory.isolation.confine import confine
secret, opens = sys.argv[1:3]
holds = confine(os.getppid(), 1 << 33, opens)

def tried(what):
    try:
        what()
    except PermissionError:
        return "refused"
    except OSError as error:
        return error.strerror
    return "done"

import xml.etree.ElementTree, zipfile, lxml.etree  # loaded only now
print(json.dumps({
    "holds": "reading" in holds,
    "secret": tried(lambda: open(secret).close()),
    "beside": tried(lambda: open(os.path.join(os.path.dirname(opens or secret), "new"), "w").close()),
    "list": tried(lambda: os.listdir(os.path.dirname(secret))),
    "password": tried(lambda: open("/etc/passwd").close()),
    "write": tried(lambda: open(os.path.join(os.path.dirname(os.__file__), "new.py"), "w").close()),
    "null": tried(lambda: open(os.devnull, "w").close()),
}))
"""


def has_landlock() -> bool:
    """Asked of the kernel, and not of what is tested."""
    libc = ctypes.CDLL(None, use_errno=True)
    return sys.platform == "linux" and libc.syscall(444, None, 0, 1) >= 1


def tries(secret: Path, opens: str = "") -> dict[str, str]:
    line = [sys.executable, "-c", _TRIES, str(secret), opens]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_worker_opens_nothing_but_its_python(tmp_path: Path) -> None:
    secret, database = tmp_path / "own" / "secret.txt", tmp_path / "shop" / "sales.db"
    for one in (secret, database):
        one.parent.mkdir()
        one.write_text("x")
    found = tries(secret)
    assert found.pop("holds") is has_landlock()
    if has_landlock():
        assert found.pop("null") == "done"
        assert set(found.values()) == {"refused"}
        of_a_database = tries(secret, str(database))
        assert (of_a_database["secret"], of_a_database["beside"]) == ("refused", "done")


async def test_a_database_is_read_by_a_worker_that_reads_nothing_after_it(
    workers: Workers, tmp_path: Path
) -> None:
    path = tmp_path / "sales.db"
    with closing(connect(path)) as made:  # with a log beside it
        made.execute("CREATE TABLE sales (id INTEGER)")
        data = await asyncio.to_thread(path.read_bytes)
        stamp = Stamp(path=str(path), content_hash="", size=len(data), mtime_ns=0)
        asked = Job(format_id="sqlite", name="sales.db", data=data, document_id="d", stamp=stamp, at="")
        assert (await workers.prepare(asked)).record.tables == ("sales",)
    assert workers.pids == ()
    await workers.prepare(job())
    assert ("reading" in workers.holds) is has_landlock()


@pytest.mark.parametrize("step", ["greet", "ask"])
async def test_who_is_called_off_leaves_neither_a_process_nor_a_pipe(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    begun, started = asyncio.Event(), list[WorkerProcess]()
    usual = getattr(WorkerProcess, step)

    async def told(worker: WorkerProcess, *given: object) -> object:
        started.append(worker)
        begun.set()
        return await usual(worker, *given)

    await asyncio.to_thread(list)  # its own handles are there
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(WorkerProcess, step, told)
    preparing = asyncio.create_task(workers.prepare(job()))
    async with asyncio.timeout(120):
        await begun.wait()
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    assert [is_running(worker.pid) for worker in started] == [False]
    assert workers.pids == ()
    assert len(os.listdir("/proc/self/fd")) == before
