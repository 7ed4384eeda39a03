"""The links that lie over the words of a page, to addresses and to other files."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, cast

from flowmatik.memory.parsing import Link, clean

Anchor = tuple[str, str]  # the words, and the target
_MOST = 2000  # of a page
_LONGEST = 2000  # bytes of a target
_GO_ELSEWHERE, _ADDRESS, _OPEN = 2, 3, 4  # PDFACTION_REMOTEGOTO, _URI and _LAUNCH of fpdf_doc.h


def anchors_of(document: Any, page: Any, layer: Any) -> list[Anchor]:
    raw = cast("Any", import_module("pypdfium2.raw"))  # it has no types
    at, link = ctypes.c_int(0), raw.FPDF_LINK()
    found: list[Anchor] = []
    while len(found) < _MOST and raw.FPDFLink_Enumerate(page.raw, at, link):
        box = raw.FS_RECTF()
        target = _target(raw, document, link)
        if target and raw.FPDFLink_GetAnnotRect(link, box):
            words = layer.get_text_bounded(box.left, box.bottom, box.right, box.top)
            found.append((clean(" ".join(str(words).split())), target))
    return found


def _target(raw: Any, document: Any, link: Any) -> str:
    action = raw.FPDFLink_GetAction(link)
    kind = raw.FPDFAction_GetType(action) if action else 0
    if kind == _ADDRESS:
        buffer = ctypes.create_string_buffer(_LONGEST)
        length = raw.FPDFAction_GetURIPath(document.raw, action, buffer, _LONGEST)
    elif kind in (_GO_ELSEWHERE, _OPEN):
        buffer = ctypes.create_string_buffer(_LONGEST)
        length = raw.FPDFAction_GetFilePath(action, buffer, _LONGEST)
    else:
        return ""
    return clean(buffer.value.decode("utf-8", "replace")).strip() if 0 < length <= _LONGEST else ""


def links_of(anchors: Sequence[Anchor], text: str, start: int) -> Iterator[Link]:
    """Where the words stand in the text of their page, which begins at `start`; the same words again are
    further on."""
    after: dict[str, int] = {}
    for words, target in anchors:
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
        if words and (found := pattern.search(text, after.get(words, 0))):
            after[words] = found.end()
            yield Link(start=start + found.start(), end=start + found.end(), target=target)
