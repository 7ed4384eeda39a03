"""The sandbox of bubblewrap (https://github.com/containers/bubblewrap)."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowmatik.agents.skills.sandbox.jail import (
    ENVIRONMENT,
    NOBODY,
    PYTHON_HOME,
    SYSTEM,
    TMP,
    Hold,
    Jail,
    SandboxLimits,
    unavailable,
)


class Bubblewrap(Jail):
    def __init__(self, limits: SandboxLimits | None = None, *, program: str | None = None) -> None:
        """`program`: bubblewrap itself; None: the one that is on the path."""
        super().__init__(limits, shutil.which("bwrap") or "" if program is None else program)

    async def _told_version(self) -> str:
        asked = await asyncio.create_subprocess_exec(
            self._program, "--version", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        told, _ = await asked.communicate()
        return told.decode("utf-8", "replace").strip()

    def _command(self, argv: Sequence[str], files: Mapping[str, bytes], hold: Hold) -> list[str]:
        python, limits = self.python, self.limits
        if python is None or not self._program:
            raise unavailable("there is nothing to run it with")
        command = [self._program, "--unshare-all", "--unshare-user", "--disable-userns"]
        command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
        command += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox"]
        command += ["--ro-bind", "/usr", "/usr"]
        for name in SYSTEM:
            place = Path("/") / name
            if place.is_symlink():
                command += ["--symlink", str(place.readlink()), str(place)]
            elif place.is_dir():
                command += ["--ro-bind", str(place), str(place)]
        for name in ("/etc/ld.so.cache", "/etc/alternatives"):
            command += ["--ro-bind-try", name, name]
        if python.folder:
            command += ["--ro-bind", python.folder, PYTHON_HOME]
            command += ["--setenv", "LD_LIBRARY_PATH", f"{PYTHON_HOME}/lib"]
        command += [
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--size",
            str(limits.disk),
            "--tmpfs",
            TMP,
            "--chdir",
            TMP,
        ]
        for path, data in files.items():
            command += ["--perms", "0444", "--ro-bind-data", str(hold(data)), path]
        command += ["--remount-ro", "/dev", "--remount-ro", "/"]
        for name, value in ENVIRONMENT.items():
            command += ["--setenv", name, value]
        return [*command, "--", *self._bounded(argv)]
