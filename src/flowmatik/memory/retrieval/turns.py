"""What answers a question stands right after it: in the next passage of the same document or, where messages
and transcripts lie in a file each, at the beginning of the one that is numbered next."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np

from flowmatik.memory.loading import Snapshot

_TAIL = 300  # signs at the end of a passage that are looked at
_ASKING = re.compile(r"[?？؟](?:[^\w?？؟\[(]|\[[^\]]*\]|\([^)]*\))*$")  # remarks in brackets may follow
HABIT = 0.1  # share of passages that ask, from which on files are taken for a conversation
_NUMBER = re.compile(r"\d+(?=\D*$)")


def asks(text: str) -> bool:
    """Whether it ends in a question."""
    return _ASKING.search(text[-_TAIL:]) is not None


def following(texts: Mapping[int, str], snapshot: Snapshot) -> dict[int, tuple[int, float]]:
    """Of the passages with those texts, by place, those that end in a question: the one after each, and how
    sure it is that it answers, from 0 to 1. From file to file that depends on how many of `texts` ask: where
    hardly any does, the files are no conversation."""
    found: dict[int, tuple[int, float]] = {}
    asking = [place for place, text in texts.items() if asks(text)]
    habit = min(1.0, len(asking) / len(texts) / HABIT) ** 2 if asking else 0.0
    for place in asking:
        document = int(snapshot.documents[place])
        if place + 1 < len(snapshot.rows) and snapshot.documents[place + 1] == document:
            found[place] = place + 1, 1.0
            continue
        numbered_next = snapshot.names.places.get(_next(snapshot.names.sources[document]), -1)
        theirs = np.flatnonzero(snapshot.documents == numbered_next)
        if len(theirs):
            found[place] = int(theirs[0]), habit
    return found


def _next(source: str) -> str:
    """The name of the file that is numbered next: `chat/0009.txt` → `chat/0010.txt`; "" for one without."""
    path = PurePosixPath(source)
    number = _NUMBER.search(path.stem)
    if number is None:
        return ""
    more = str(int(number[0]) + 1).zfill(len(number[0]))
    stem = f"{path.stem[: number.start()]}{more}{path.stem[number.end() :]}"
    return source.removesuffix(path.name) + stem + path.suffix
