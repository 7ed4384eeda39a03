"""A PostgreSQL of a test's own, which it may stop and start as it likes."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class OwnPostgres:
    """In `folder`, which the server's user must be able to enter, on a free loopback port; `settings` such
    as "fsync=off"."""

    def __init__(self, folder: Path, *settings: str) -> None:
        versions = sorted(
            Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
        )
        found = versions[-1] if versions else shutil.which("initdb")
        assert found, "no PostgreSQL server is installed; ./test.sh installs one"
        self._programs = Path(found).parent
        self._folder = folder
        self._settings = "".join(f" -c {setting}" for setting in settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        self._own_folder()
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=UTF8")
        self.start()

    def follow(self, primary: "OwnPostgres") -> None:
        """As its hot standby, which streams what it does; that it waits for us is for the test to say."""
        self._own_folder()
        self._run("pg_basebackup", "-D", self._data, "-d", primary.url, "-R", "-X", "stream", "-c", "fast")
        self.start()

    def _own_folder(self) -> None:
        if os.geteuid() == 0:
            self._folder.chmod(0o755)
            shutil.chown(self._folder, "postgres")

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{self._folder}'"
        options += self._settings
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """As a crash would: no checkpoint, no farewell."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-t", "30", "stop")

    def kill(self) -> None:
        """As if its machine were gone: the server ends without a word, and its processes with it."""
        pid = int((Path(self._data) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        (Path(self._data) / "postmaster.pid").unlink()

    @property
    def port(self) -> int:
        return self._port

    @property
    def runs(self) -> bool:
        return (Path(self._data) / "postmaster.pid").exists()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*prefix, str(self._programs / program), *arguments]
        # The server inherits these: a pipe would never see its end, so the output goes to a file.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode(errors="replace")


@contextmanager
def own_standby_of(primary: OwnPostgres) -> Generator[OwnPostgres]:
    with tempfile.TemporaryDirectory(prefix="flowmatik-pg.") as folder:
        server = OwnPostgres(Path(folder))
        server.follow(primary)
        try:
            yield server
        finally:
            if server.runs:
                server.stop()


@contextmanager
def own_postgres_server(*settings: str) -> Generator[OwnPostgres]:
    """Running, and gone afterwards, whatever the test left of it."""
    with tempfile.TemporaryDirectory(prefix="flowmatik-pg.") as folder:
        server = OwnPostgres(Path(folder), *settings)
        server.create()
        try:
            yield server
        finally:
            if server.runs:
                server.stop()
