"""A disk that takes nothing more, from the first file on. The limit on the size of files is the
kernel's and needs no rights."""

import resource
import subprocess
from pathlib import Path

import pytest

from tests.e2e.cli import PROGRAM, environment, make_home


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def without_room(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "--home", str(home), *arguments],
        env=environment(FLOWMATIK_EMBEDDINGS="false"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=no_room,
    )


@pytest.mark.parametrize(
    "verb", [("run", "What is it?"), ("memory", "status"), ("up", "--port", "0"), ("init", "--no-examples")]
)
def test_a_home_without_room_is_told_by_its_file_and_is_unavailable(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    done = without_room(home, *verb)
    assert done.returncode == 6, done.stderr
    assert "[unavailable.disk]" in done.stderr
    assert "engine.lock" in done.stderr
    assert "free or check the disk" in done.stderr
    spanish = without_room(home, "--lang", "es", *verb)
    assert "libera o revisa el disco" in spanish.stderr


def test_a_home_that_cannot_be_made_for_want_of_room_is_unavailable_too(tmp_path: Path) -> None:
    done = without_room(tmp_path / "new", "init")
    assert done.returncode == 6, done.stderr
    assert "[unavailable.disk]" in done.stderr
    assert not (tmp_path / "new" / "flowmatik.toml").exists(), "half a settings file would pass for a home"
