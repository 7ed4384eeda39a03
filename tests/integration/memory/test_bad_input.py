"""Files of a size, shape or fate that nobody wants: refused or read as far as they go, never fatal."""

import asyncio
import resource
import threading
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory import StoredMemory, build_memory
from flowmatik.memory.scan import Found, read, scan
from tests.integration.memory.support import StandingClock, best, ingest, outcomes

MIB = 1 << 20


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[StoredMemory]:
    built = build_memory(tmp_path / "home" / "memory.db", embedder=None, clock=StandingClock())
    yield built
    await built.close()


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def found(path: Path) -> Found:
    (one,) = scan([path]).found
    return one


async def test_a_text_of_two_gigabytes_is_refused_without_reading_it(
    plain: StoredMemory, folder: Path
) -> None:
    await asyncio.to_thread(sparse, folder / "huge.txt", 2048 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    (step,) = await ingest(plain, folder)
    assert (step.code, step.values) == ("document.too_large", {"size": 2048 * MIB, "limit": 50 * MIB})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_inblock - before < 1000


async def test_one_line_of_a_hundred_megabytes_is_refused_and_one_of_a_million_signs_is_cut(
    plain: StoredMemory, folder: Path
) -> None:
    await asyncio.to_thread((folder / "line.txt").write_bytes, b"word " * (20 * MIB))
    await asyncio.to_thread((folder / "million.txt").write_bytes, b"x" * 1_000_000)
    assert await outcomes(plain, folder) == {"line.txt": "document.too_large", "million.txt": "added"}


def test_of_a_table_of_ten_million_rows_only_the_head_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    block = b"".join(b"%d,boat\n" % (n % 10) for n in range(100_000))
    with path.open("wb") as file:
        file.write(b"number,kind\n")
        for _ in range(100):
            file.write(block)
    tracemalloc.start()
    head, digest, _ = read(found(path), keep=256 * 1024, max_bytes=4096 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(head), len(digest)) == (256 * 1024, 64)
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        ("Cañón y alcázar".encode("cp1252"), "Cañón y alcázar", None),
        ("Cañón y alcázar".encode("utf-16-le"), "Cañón y alcázar", None),
        ("Cañón y alcázar".encode("utf-16-be"), "Cañón y alcázar", None),
        ("Cañón y alcázar".encode("utf-16"), "Cañón y alcázar", None),
        ("Cañón y alcázar".encode("utf-32"), "Cañón y alcázar", None),
        (
            "Cañón en UTF-8\n".encode() + "Alcázar en Latin-1\n".encode("cp1252"),
            "Cañón en UTF-8\nAlcázar en Latin-1",
            {"count": 1, "line": 2},
        ),
    ],
)
async def test_wrong_and_mixed_encodings_are_read_line_by_line(
    plain: StoredMemory, folder: Path, data: bytes, text: str, note: dict[str, int] | None
) -> None:
    (folder / "a.txt").write_bytes(data)
    (step,) = await ingest(plain, folder)
    assert [one.values for one in step.notices if one.code == "document.encoding"] == ([note] if note else [])
    assert (await best(plain, "alcázar")).text == text


async def test_offsets_hold_from_right_to_left_and_beyond_the_basic_plane(
    plain: StoredMemory, folder: Path
) -> None:
    text = (
        "# שלום עולם 👩‍👩‍👧\n\nהספינה יוצאת בצהריים 🚢. مرحبا بالعالم، السفينة هنا.\n\n"
        "\u202eevil\u202c and after 🏴󠁧󠁢󠁳󠁣󠁴󠁿 harbour.\n"
    )
    (folder / "rtl.md").write_text(text, encoding="utf-8")
    assert await outcomes(plain, folder) == {"rtl.md": "added"}
    for words in ("harbour", "السفينة", "הספינה"):
        passage = await best(plain, words)
        assert passage.text == text[passage.start : passage.end]
    located = await plain.locate("default", passage.id, "السفينة هنا.")
    assert located is not None
    assert text[located.start : located.end] == "السفينة هنا."
    assert located.lines == (3, 3)


async def test_a_folder_that_is_a_loop_of_links_is_reported(plain: StoredMemory, folder: Path) -> None:
    (folder / "one").symlink_to(folder / "two")
    (folder / "two").symlink_to(folder / "one")
    assert await outcomes(plain, folder) == {"one": "document.dangling", "two": "document.dangling"}
    (step,) = await ingest(plain, folder / "one")
    assert step.code == "document.unreadable"


def test_a_file_that_is_gone_when_it_is_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("here", encoding="utf-8")
    seen = found(path)
    path.unlink()
    with pytest.raises(DocumentError) as caught:
        read(seen, keep=10, max_bytes=10)
    assert (caught.value.code, caught.value.retryable) == ("document.vanished", True)


async def test_a_file_that_grows_while_it_is_read_is_whole_after_the_next_sync(
    plain: StoredMemory, folder: Path
) -> None:
    path, stop = folder / "a.txt", threading.Event()
    await asyncio.to_thread(path.write_bytes, b"The tide turns at noon.\n\n" * 2_000)

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"And it grows. ")
                stop.wait(0.001)
            file.write(b"\n\nThe very last word is pelican.\n")

    growing = asyncio.create_task(asyncio.to_thread(grow))
    assert await outcomes(plain, folder) == {"a.txt": "added"}
    stop.set()
    await growing
    assert await outcomes(plain, folder) == {"a.txt": "updated"}
    assert "pelican" in (await best(plain, "pelican")).text
    assert await outcomes(plain, folder) == {"a.txt": "unchanged"}
