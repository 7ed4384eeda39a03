"""Passages as the model sees them in a tool result, cut into sentences and table rows."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from flowmatik.integrations.models.local import rows
from flowmatik.integrations.models.local.words import fold

_END = re.compile(r"(?<=[.!?…])[\"'”»)\]]*\s+(?=[\"'“«(\[¿¡]?[A-ZÁÉÍÓÚÑ0-9])")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Sr|Sra|St|No|núm|art|approx|aprox|etc|vs|p\.ej|e\.g|i\.e)\.$"
)
_ITEM = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_NUMBERED = re.compile(r"\s*\d+[.)]\s")
_LABEL = re.compile(r"\**([^\W\d_][^:.;|\n]{1,30}?)\**:\**\s+\S[^\n]{0,99}\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    id: str
    source: str
    title: str
    heading: str
    text: str
    effective: str
    replaces: tuple[str, ...]
    rank: int
    language: str = ""
    score: float = 0.0  # as the search has it; comparable within one result only


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A verbatim slice of a passage; `context` are words around it that it leans on. A table's row and
    an item of a list stand for themselves: `item` is where theirs begins, -1 in running text. `row` are a
    row's cells, `header` those of its table's header, which `context` holds as it is written. `label` is
    what a line says that it gives ("Version: 2.0"), of several such lines one below the other."""

    passage: Passage
    text: str
    start: int
    context: str
    item: int = -1
    row: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    label: str = ""

    @property
    def step(self) -> bool:
        """Whether it is of a numbered list."""
        return self.item >= 0 and _NUMBERED.match(self.passage.text, self.item) is not None


def read(results: list[dict[str, Any]]) -> list[Passage]:
    """The passages of the tool results, each once, best first."""
    passages: dict[str, Passage] = {}
    for result in results:
        for row in cast("list[dict[str, Any]]", result.get("passages") or []):
            passages.setdefault(
                str(row["id"]),
                Passage(
                    id=str(row["id"]),
                    source=str(row.get("source") or ""),
                    title=str(row.get("title") or ""),
                    heading=str(row.get("heading") or ""),
                    text=str(row.get("text") or ""),
                    effective=str(row.get("effective") or ""),
                    replaces=tuple(str(name) for name in cast("list[object]", row.get("replaces") or [])),
                    rank=len(passages),
                    language=str(row.get("language") or ""),
                    score=_number(row.get("score")),
                ),
            )
    return list(passages.values())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def in_force(passages: list[Passage], today: str = "") -> list[Passage]:
    """Without those that another passage's document replaces, by its own word or by a later date
    of the same title. What is not in force `today` replaces nothing yet."""
    begun = [one for one in passages if not today or one.effective <= today]
    return [one for one in begun or passages if not any(_supersedes(other, one) for other in begun)]


def today_of(results: list[dict[str, Any]]) -> str:
    """The day on which the search was made, as its result says; "" if it does not."""
    return next((str(result["today"]) for result in results if result.get("today")), "")


def _supersedes(newer: Passage, older: Passage) -> bool:
    if newer.source == older.source:
        return False
    names = {_name(older.source), _name(older.title)} - {""}
    if any(
        name in _name(said) or _name(said) in name for said in newer.replaces for name in names if _name(said)
    ):
        return True
    same = _series(newer.source) == _series(older.source)
    return bool(same and newer.effective and older.effective and newer.effective > older.effective)


def _name(text: str) -> str:
    plain = re.sub(r"\.[a-z]{1,5}$", "", fold(text).rsplit("/", 1)[-1])
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def _series(source: str) -> str:
    """A file's name without its years and version numbers."""
    return re.sub(r"\b(?:v?\d+(?:\.\d+)*)\b", "", _name(source)).strip()


def candidates(passage: Passage) -> list[Candidate]:
    """Sentences, list items and table rows, in order."""
    if rows.is_csv(passage.source):
        return _csv_rows(passage)
    found: list[Candidate] = []
    header, before = "", ""
    lines = _lines(passage.text)
    labels = _labels([line for _, line in lines])
    for n, (start, line) in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("|"):
            if rows.is_rule(stripped):
                continue
            if not header and _heads(passage, lines[n + 1 : n + 2]):
                header = stripped
                continue
            at = start + line.index(stripped)
            found.append(_row(passage, stripped, at, header, "|"))
            continue
        header = ""
        if labels[n]:
            at = start + line.index(stripped)
            found.append(Candidate(passage=passage, text=stripped, start=at, context="", label=labels[n]))
            continue
        found.extend(_sentences(passage, start, line, before))
        if found and found[-1].item < 0:
            before = found[-1].text
    return found


def _heads(passage: Passage, following: list[tuple[int, str]]) -> bool:
    """Whether a first row is the header: in Markdown a line of dashes says so; a table that was cut
    for its length goes on without one."""
    if not passage.source.lower().endswith((".md", ".markdown")):
        return True
    return bool(following) and rows.is_rule(following[0][1].strip())


def _csv_rows(passage: Passage) -> list[Candidate]:
    header, *lines = passage.text.splitlines(keepends=True) or [""]
    delimiter = rows.delimiter_of(header)
    found: list[Candidate] = []
    at = len(header)
    for line in lines:
        if line.strip():
            found.append(
                _row(passage, line.strip(), at + line.index(line.strip()), header.strip(), delimiter)
            )
        at += len(line)
    return found


def _row(passage: Passage, text: str, at: int, header: str, delimiter: str) -> Candidate:
    return Candidate(
        passage=passage,
        text=text,
        start=at,
        context=header,
        item=at,
        row=rows.cells(text, delimiter),
        header=rows.cells(header, delimiter) if header else (),
    )


def _labels(lines: list[str]) -> list[str]:
    """Of each line what it is a label for; one alone among others is a sentence."""
    found = [match[1] if (match := _LABEL.fullmatch(line)) else "" for line in lines]
    around = ["", *found, ""]
    return [label if around[n] or around[n + 2] else "" for n, label in enumerate(found)]


def _lines(text: str) -> list[tuple[int, str]]:
    """Paragraphs (wrapped lines joined by their own newline) and single table, list or label lines."""
    blocks: list[tuple[int, str]] = []
    at = 0
    lines = text.splitlines(keepends=True)
    labels = _labels(lines)
    for n, line in enumerate(lines):
        alone = bool(re.match(r"\s*(\||[-*•]\s|\d+[.)]\s|#)", line)) or not line.strip()
        alone = alone or bool(labels[n] or (n and labels[n - 1]))
        previous_open = blocks and blocks[-1][1].strip() and not re.match(r"\s*(\||#)", blocks[-1][1])
        if not alone and previous_open and blocks[-1][0] + len(blocks[-1][1]) == at:
            blocks[-1] = (blocks[-1][0], blocks[-1][1] + line)
        else:
            blocks.append((at, line))
        at += len(line)
    return blocks


def _sentences(passage: Passage, start: int, block: str, before: str) -> list[Candidate]:
    cuts = [0]
    for match in _END.finditer(block):
        if not _ABBREVIATION.search(block[: match.start()].rstrip("\"'”»)]")):
            cuts.append(match.end())
    cuts.append(len(block))
    found: list[Candidate] = []
    item = start if _ITEM.match(block) else -1
    for a, b in pairwise(cuts):
        piece = block[a:b]
        lead = len(piece) - len(piece.lstrip(" \t\n-*•"))
        text = piece.strip(" \t\n-*•")
        if len(text) < 3:
            continue
        context = found[-1].text if found else before
        found.append(
            Candidate(passage=passage, text=text, start=start + a + lead, context=context, item=item)
        )
    return found
