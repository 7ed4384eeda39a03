"""The sandbox of nsjail (https://github.com/google/nsjail), for machines that have no bubblewrap."""

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

DEVICES = ("null", "zero", "full", "random", "urandom")
NEW_USER = 0x10000000  # CLONE_NEWUSER
CLONE3 = 435  # takes its flags where no filter can see them; without it, libc calls clone
POLICY = (
    "POLICY flowmatik { ERRNO(1) { unshare, setns, bpf, keyctl, add_key, request_key, "
    f"clone(clone_flags) {{ (clone_flags & {NEW_USER}) != 0 }} }}, "
    f"ERRNO(38) {{ SYSCALL[{CLONE3}] }} }} USE flowmatik DEFAULT ALLOW"
)
"""In the language of kafel. bubblewrap forbids namespaces within by a limit; nsjail has no such option."""


class Nsjail(Jail):
    def __init__(self, limits: SandboxLimits | None = None, *, program: str | None = None) -> None:
        """`program`: nsjail itself; None: the one that is on the path."""
        super().__init__(limits, shutil.which("nsjail") or "" if program is None else program)

    async def _told_version(self) -> str:
        return "nsjail"  # it does not tell its version

    def _command(self, argv: Sequence[str], files: Mapping[str, bytes], hold: Hold) -> list[str]:
        python, limits = self.python, self.limits
        if python is None or not self._program:
            raise unavailable("there is nothing to run it with")
        command = [self._program, "--config", f"/proc/self/fd/{hold(_config(files))}"]
        command += ["--mode", "o", "--really_quiet", "--hostname", "sandbox", "--iface_no_lo"]
        command += ["--user", str(NOBODY), "--group", str(NOBODY), "--cwd", TMP]
        command += ["--time_limit", str(int(limits.seconds) + 5), "--nice_level", "0"]
        for name in ("as", "cpu", "fsize", "nofile", "nproc"):
            command += [f"--rlimit_{name}", "hard"]  # bound inside, where they can be said exactly
        command += ["--bindmount_ro", "/usr"]
        for name in SYSTEM:
            place = Path("/") / name
            if place.is_symlink():
                command += ["--symlink", f"{place.readlink()}:{place}"]
            elif place.is_dir():
                command += ["--bindmount_ro", str(place)]
        for path in ("/etc/ld.so.cache", "/etc/alternatives"):
            command += ["--bindmount_ro", path] if Path(path).exists() else []
        if python.folder:
            command += ["--bindmount_ro", f"{python.folder}:{PYTHON_HOME}"]
            command += ["--env", f"LD_LIBRARY_PATH={PYTHON_HOME}/lib"]
        for name in DEVICES:
            command += ["--bindmount", f"/dev/{name}"]
        command += ["--symlink", "/proc/self/fd:/dev/fd"]
        command += ["--mount", f"none:{TMP}:tmpfs:size={limits.disk},mode=1777"]
        for name, value in ENVIRONMENT.items():
            command += ["--env", f"{name}={value}"]
        return [*command, "--seccomp_string", POLICY, "--", *self._bounded(argv)]


def _config(files: Mapping[str, bytes]) -> bytes:
    """The files as nsjail reads them (config.proto, in the text form of protocol buffers)."""
    rows = ["mount_proc: true\n"]
    rows += [
        f'mount {{ dst: "{_text(path.encode())}" is_bind: true rw: false mandatory: true '
        + (f'src_content: "{_text(data)}"' if data else 'src: "/dev/null"')
        + " }\n"
        for path, data in files.items()
    ]
    return "".join(rows).encode()


def _text(data: bytes) -> str:
    return "".join(chr(one) if 32 <= one < 127 and one not in b'"\\' else f"\\{one:03o}" for one in data)
