"""A throw-away PostgreSQL: own folder, own loopback port, fsync and synchronous_commit on."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg

GIVEN = "FLOWMATIK_TEST_PG_DSN"


@contextmanager
def postgres(settings: str = "") -> Generator[str]:
    """The administrator's address: the cluster named by FLOWMATIK_TEST_PG_DSN, else a new one that
    is gone afterwards, with these options of its server (`-c name=value`)."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench-pg.") as folder:
        yield from _started(Path(folder), settings)


def _started(folder: Path, more: str) -> Generator[str]:
    binaries = _binaries()
    data = folder / "data"
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(folder, "postgres")
    _run(
        folder,
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    )
    port = _free_port()
    settings = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{folder}' "
        f"-c fsync=on -c synchronous_commit=on -c max_connections=200 {more}"
    )
    _run(
        folder,
        binaries / "pg_ctl",
        "-D",
        data,
        "-w",
        "-t",
        "60",
        "-l",
        folder / "log",
        "-o",
        settings,
        "start",
    )
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        _run(folder, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-t", "20", "stop")


def _run(folder: Path, *command: Path | str) -> None:
    """As the user postgres when we are root, which PostgreSQL refuses to run as."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    words = [*prefix, *(str(word) for word in command)]
    # The server inherits these: a pipe would never see its end, so the output goes to a file.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
        output.seek(0)
        said = output.read().decode(errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {said.strip()[-2000:]}")


def _binaries() -> Path:
    versioned = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    found = versioned[0] if versioned else shutil.which("initdb")
    if found is None:
        raise RuntimeError(f"no PostgreSQL server is installed; install one or set {GIVEN}")
    return Path(found).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def database(administrator: str) -> Generator[str]:
    """The address of a new database, dropped afterwards."""
    name = f"bench_{uuid.uuid4().hex}"
    asyncio.run(_administer(administrator, f'CREATE DATABASE "{name}"'))
    try:
        yield urlunsplit(urlsplit(administrator)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_administer(administrator, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _administer(dsn: str, statement: str) -> None:
    connection = await cast("Any", asyncpg).connect(dsn, timeout=10)  # asyncpg ships no types
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
