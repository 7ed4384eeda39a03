"""A key of the installation is made once, kept whole, and never replaced."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowmatik.security.key_file import key_in


def unreadable(path: Path) -> Exception:
    return ValueError(f"{path.name} cannot be read")


def test_those_who_make_a_key_at_the_same_time_get_the_same_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "some.key"

    def made(n: int) -> bytes:
        return key_in(path, lambda: bytes([n]) * 32, 32, unreadable)

    with ThreadPoolExecutor(8) as several:
        found = set(several.map(made, range(40)))
    assert len(found) == 1
    assert found == {key_in(path, lambda: b"", 32, unreadable)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["some.key"]


@pytest.mark.parametrize("text", ["", "xyz", "00" * 31])
def test_a_file_that_holds_no_key_is_told_and_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.key"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"some\.key cannot be read"):
        key_in(path, lambda: bytes(32), 32, unreadable)
    assert path.read_text() == text
