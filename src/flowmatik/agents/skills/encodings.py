"""Data files as UTF-8, which is all that DuckDB reads; others go through a temporary copy."""

import codecs
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

_BLOCK = 1 << 20
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@contextmanager
def utf8(path: Path) -> Generator[Path]:
    """The file itself when it is UTF-8, else a copy that lasts for the block."""
    with path.open("rb") as file:
        encoding = _MARKS.get(file.read(2), "")
        file.seek(0)
        if not encoding and _is_utf8(file):
            yield path
            return
        file.seek(0)
        with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
            _transcode(file, encoding or "cp1252", copy)  # what spreadsheets of Western Europe save
            copy.flush()
            yield Path(copy.name)


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _transcode(file: BinaryIO, encoding: str, copy: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while block := file.read(_BLOCK):
        copy.write(decoder.decode(block).encode("utf-8"))
    copy.write(decoder.decode(b"", final=True).encode("utf-8"))
