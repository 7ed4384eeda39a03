"""Which sandbox is taken, and what nsjail is told; that it holds is tried in tests/integration/agents."""

from itertools import pairwise
from pathlib import Path

import pytest

from flowmatik.agents import sandbox_here
from flowmatik.agents.skills.sandbox.jail import Program, SandboxLimits
from flowmatik.agents.skills.sandbox.nsjail import Nsjail
from flowmatik.kernel.errors import Unavailable


class Told(Nsjail):
    """Keeps what it would give to the program in `held`."""

    def told(self, argv: tuple[str, ...], files: dict[str, bytes]) -> list[str]:
        self.held: list[bytes] = []

        def hold(data: bytes) -> int:
            self.held.append(data)
            return 6 + len(self.held)

        return self._command(argv, files, hold)


def test_nsjail_is_told_bounds_and_files_and_to_keep_nothing_else() -> None:
    jail = Told(SandboxLimits(seconds=7.0, memory=1000, processes=3, disk=500), program="/usr/bin/nsjail")
    command = jail.told(("/bin/true", "x"), {"/run/a": b'x\n"\\\xff', "/run/empty": b""})
    assert command[:3] == ["/usr/bin/nsjail", "--config", "/proc/self/fd/7"]
    mount = "is_bind: true rw: false mandatory: true"
    assert jail.held[0].decode().splitlines() == [
        "mount_proc: true",
        f'mount {{ dst: "/run/a" {mount} src_content: "x\\012\\042\\134\\377" }}',
        f'mount {{ dst: "/run/empty" {mount} src: "/dev/null" }}',
    ]
    pairs = set(pairwise(command))
    assert {("--user", "65534"), ("--bindmount_ro", "/usr"), ("--time_limit", "12")} <= pairs
    assert ("--mount", "none:/tmp:tmpfs:size=500,mode=1777") in pairs
    assert command[command.index("--") + 1 :][-3:] == ["--", "/bin/true", "x"]
    assert {"--as=1000:1000", "--nproc=3:3", "--fsize=500:500"} <= set(command)
    forbidden = ("--disable_clone", "--keep", "--rw", "--disable_no_new_privs", "--cap", "--chroot")
    assert not [word for word in command if word.startswith(forbidden)]


@pytest.mark.parametrize(
    ("there", "taken"),
    [(("bwrap", "nsjail"), "Bubblewrap"), (("nsjail",), "Nsjail"), (("bwrap",), "Bubblewrap")],
)
def test_bubblewrap_is_taken_before_nsjail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], taken: str
) -> None:
    for name in there:
        (tmp_path / name).write_text("#!/bin/false\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert type(sandbox_here()).__name__ == taken


async def test_where_neither_is_there_nothing_is_run_and_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable) as refused:
        await sandbox_here().run(Program(argv=("/bin/true",)))
    assert refused.value.code == "unavailable.sandbox"
    assert "neither bubblewrap nor nsjail" in refused.value.message
