"""Bytes into text, when nobody says how they were written."""

import re

from flowmatik.contracts.memory import Notice

_SAMPLE = 200_000
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LINE = re.compile(rb"[^\n]*\n?")


def text_of(data: bytes, name: str) -> tuple[str, tuple[Notice, ...]] | None:
    """UTF-8; UTF-16 and UTF-32 with a mark, or UTF-16 by where its zeros stand; else each line that is no
    UTF-8 as Windows-1252, with a notice where a file mixes both. None for what does not read like text.
    Line ends become "\\n"."""
    mark = next((encoding for sign, encoding in _MARKS if data.startswith(sign)), "")
    encoding = mark or _by_zeros(data) or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding not in {"utf-8", "utf-8-sig"}:
            return None
        return _by_lines(data.removeprefix(b"\xef\xbb\xbf"), name)
    if not _reads_like_text(text, strict=not mark and encoding != "utf-8"):
        return None
    return _with_newlines(text), ()


def _by_zeros(data: bytes) -> str:
    """Latin letters in UTF-16 have a zero for every other byte."""
    sample = data[:4096]
    if b"\x00" not in sample:
        return ""
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _by_lines(data: bytes, name: str) -> tuple[str, tuple[Notice, ...]] | None:
    """A line that is UTF-8 was meant to be: Windows-1252 hardly ever looks like it."""
    parts: list[str] = []
    foreign: list[str] = []
    first, wide = 0, False
    for number, match in enumerate(_LINE.finditer(data), start=1):
        try:
            line = match[0].decode("utf-8")
            wide = wide or not line.isascii()
        except UnicodeDecodeError:
            try:
                line = match[0].decode("cp1252")
            except UnicodeDecodeError:
                return None
            foreign.append(line)
            first = first or number
        parts.append(line)
    if not _reads_like_text("".join(foreign), strict=True):
        return None
    text = _with_newlines("".join(parts))
    if not wide:
        return text, ()
    values: dict[str, object] = {"count": len(foreign), "line": first}
    said = f"{len(foreign)} lines are not UTF-8 like the others, first line {first}; read as Windows-1252"
    return text, (Notice(code="document.encoding", text=f"{name}: {said}", values=values),)


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reads_like_text(text: str, *, strict: bool) -> bool:
    sample = text[:_SAMPLE]
    if "\x00" in sample:
        return False
    controls = sum(c < " " and c not in "\t\n\r\f\x1b" for c in sample)
    if controls > len(sample) / 100:
        return False
    if not strict:
        return True
    foreign = [c for c in sample if c > "~"]
    letters = sum(c.isalpha() or c in "€¿¡«»“”‘’–—…·°ºª " for c in foreign)
    return controls == 0 and len(foreign) <= len(sample) / 4 and letters >= 0.9 * len(foreign)
