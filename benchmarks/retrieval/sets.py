"""Sets of questions with the passages that answer them.

Any folder of files in this form can be measured (`--sets`), one set a file:

    {"name": "…", "language": "en",
     "passages": [{"id": "p1", "title": "…", "text": "…"}],
     "questions": [{"id": "q1", "text": "…", "gold": ["p1"], "group": "…"}]}

What may be left out, and what it means, is in benchmarks/README.md.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    text: str
    gold: frozenset[str]
    half: int  # 0: parameters were chosen on it, where the set had a say; 1: held out


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSet:
    name: str
    language: str
    passages: tuple[Text, ...]
    questions: tuple[Question, ...]


def folder_of_sets(folder: Path) -> list[RetrievalSet]:
    """Every `*.json` of it. Raises ValueError, which names the file and the place in it."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"{folder} is no folder with files *.json, one set a file")
    sets = [own_form(path) for path in paths]
    for path, one in zip(paths, sets, strict=True):
        if sum(other.name == one.name for other in sets) > 1:
            raise ValueError(f"{path}: another file has a set of the name {one.name!r} too")
    return sets


def own_form(path: Path) -> RetrievalSet:
    """Raises ValueError for a file that is not of the form above; the message says where."""
    try:
        found = _Entry("the file", _read(path))
        passages = [
            Text(id=entry.text("id"), title=entry.text("title", ""), text=entry.text("text"))
            for entry in found.entries("passages")
        ]
        known = {passage.id for passage in passages}
        if len(known) < len(passages):
            raise ValueError("two passages have one id")
        return RetrievalSet(
            name=found.text("name", path.stem),
            language=found.text("language", ""),
            passages=tuple(passages),
            questions=tuple(_questions(found, known)),
        )
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    except ValueError as error:  # of JSON and of encodings too
        raise ValueError(f"{path}: {error}; benchmarks/README.md describes the form") from error


def _questions(found: "_Entry", known: set[str]) -> Iterator[Question]:
    groups: dict[str, int] = {}
    for number, entry in enumerate(found.entries("questions")):
        gold = entry.value("gold")
        ids = [str(ref) for ref in cast("list[object]", gold)] if isinstance(gold, list) else []
        if not ids:
            raise ValueError(f"{entry.where} needs `gold`, a list of ids of passages")
        if lost := [ref for ref in ids if ref not in known]:
            raise ValueError(f"{entry.where}: no passage has the id {lost[0]!r}, which `gold` names")
        group = groups.setdefault(entry.text("group", str(number)), len(groups))
        yield Question(text=entry.text("text"), gold=frozenset(ids), half=group % 2)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object of the file, and where it stands."""

    where: str
    held: object

    def value(self, name: str) -> object:
        held = self.held
        if not isinstance(held, dict):
            raise ValueError(f"{self.where} is no object")
        return cast("dict[str, object]", held).get(name)

    def text(self, name: str, usual: str | None = None) -> str:
        """A number counts as text, null as left out."""
        value = self.value(name)
        if value is None and usual is not None:
            return usual
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"{self.where} needs `{name}`, a text")
        return str(value)

    def entries(self, name: str) -> "list[_Entry]":
        value = self.value(name)
        if not isinstance(value, list) or not value:
            raise ValueError(f"{self.where} needs `{name}`, a list that is not empty")
        found = cast("list[object]", value)
        return [_Entry(f"{name}[{number}]", one) for number, one in enumerate(found)]


def public(data: Path) -> Iterator[RetrievalSet]:
    """Those of the folder of public data that are there."""
    for name in ("hotpotqa", "musique"):
        if (data / "multihop" / f"{name}_train.json").is_file():
            yield _multihop(data / "multihop", name)
    for code in ("es", "en"):
        if (data / "xquad" / f"xquad.{code}.json").is_file():
            yield _xquad(data / "xquad" / f"xquad.{code}.json", code)


def _multihop(folder: Path, name: str) -> RetrievalSet:
    corpus = _read(folder / f"{name}_train_corpus.json")
    asked = cast("list[dict[str, Any]]", _read(folder / f"{name}_train.json"))
    if isinstance(corpus, dict):  # title → sentences
        titled = cast("dict[str, list[str]]", corpus)
        pairs = [(title, "".join(text)) for title, text in titled.items()]
        of_title = {title: number for number, (title, _) in enumerate(pairs)}
        golds = [{of_title[str(title)] for title, _ in one["supporting_facts"]} for one in asked]
    else:
        pairs = [(str(one["title"]), str(one["text"])) for one in cast("list[dict[str, Any]]", corpus)]
        of_pair = {pair: number for number, pair in enumerate(pairs)}
        golds = [
            {of_pair[p["title"], p["paragraph_text"]] for p in one["paragraphs"] if p["is_supporting"]}
            for one in asked
        ]
    return RetrievalSet(
        name=name,
        language="en",
        passages=tuple(Text(id=str(n), title=title, text=text) for n, (title, text) in enumerate(pairs)),
        questions=tuple(
            Question(text=one["question"], gold=frozenset(map(str, gold)), half=n % 2)
            for n, (one, gold) in enumerate(zip(asked, golds, strict=True))
        ),
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _xquad(path: Path, code: str) -> RetrievalSet:
    passages: list[Text] = []
    questions: list[Question] = []
    for article, entry in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"]):
        for paragraph in entry["paragraphs"]:
            one = Text(id=str(len(passages)), title="", text=paragraph["context"])
            passages.append(one)
            questions += [
                Question(text=qa["question"], gold=frozenset({one.id}), half=article % 2)
                for qa in paragraph["qas"]
            ]
    return RetrievalSet(
        name=f"xquad-{code}", language=code, passages=tuple(passages), questions=tuple(questions)
    )
