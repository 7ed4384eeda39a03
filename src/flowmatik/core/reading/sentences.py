"""Sentences, with the marks of citations that belong to them."""

import re
from dataclasses import dataclass

MARK = re.compile(r"\[(\d+)\]")
_END = re.compile(r"[.!?…]+[\"'»”’)]*(?:\s*\[\d+\])*(?=\s|$)|\n\s*\n|\n(?=\s*[-*•]\s)")
_SHORT = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Sr|Sra|Srta|Dr|Dra|D|Dña|Ud|Uds|art|núm|pág|págs|p|ej|vs|Mr|Mrs|Ms|Prof|St|No|Nos|Inc"
    r"|Ltd|Co|e\.g|i\.e|cf|approx|aprox|etc|EE|UU|a\.m|p\.m)\.$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`text` without its marks; `start` and `end` are its place in the whole, marks and what follows them
    included."""

    text: str
    start: int
    end: int
    marks: tuple[int, ...]


def sentences_of(text: str) -> list[Sentence]:
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(text):
        head = text[start : match.start() + 1]
        after = text[match.end() :].lstrip()
        goes_on = match[0].startswith(".") and (_SHORT.search(head) is not None or after[:1].islower())
        if goes_on and not MARK.search(match[0]):
            continue
        end = match.end()
        while end < len(text) and text[end].isspace():
            end += 1
        found.append(_sentence(text, start, end))
        start = end
    if text[start:].strip():
        found.append(_sentence(text, start, len(text)))
    return [one for one in found if one.text]


def _sentence(text: str, start: int, end: int) -> Sentence:
    whole = text[start:end]
    marks = tuple(int(n) for n in MARK.findall(whole))
    bare = " ".join(MARK.sub(" ", whole).split())
    return Sentence(text=bare, start=start, end=end, marks=marks)
