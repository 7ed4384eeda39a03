"""Sets of questions with the passages that answer them.

Any folder of files in this form can be measured (`--sets`), one set a file:

    {"name": "…", "language": "en",
     "passages": [{"id": "p1", "title": "…", "text": "…"}],
     "questions": [{"id": "q1", "text": "…", "gold": ["p1"], "group": "…"}]}

`title` may be "" and `group` be left out: questions of one group (an article) fall into the same half.
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


def own_form(path: Path) -> RetrievalSet:
    """Raises ValueError for a file that is not of the form above."""
    try:
        found = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        passages = tuple(
            Text(id=str(p["id"]), title=str(p.get("title") or ""), text=str(p["text"]))
            for p in found["passages"]
        )
        known = {passage.id for passage in passages}
        groups: dict[str, int] = {}
        questions: list[Question] = []
        for number, one in enumerate(found["questions"]):
            gold = frozenset(str(ref) for ref in one["gold"])
            if not gold or not gold <= known:
                raise ValueError(f"question {one.get('id', number)!r} has a gold passage that is not there")
            group = groups.setdefault(str(one.get("group", number)), len(groups))
            questions.append(Question(text=str(one["text"]), gold=gold, half=group % 2))
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not of the form that benchmarks/retrieval/sets.py describes") from error
    if not questions or len(known) != len(passages):
        raise ValueError(f"{path} has no questions, or two passages of one id")
    return RetrievalSet(
        name=str(found.get("name") or path.stem),
        language=str(found.get("language") or ""),
        passages=passages,
        questions=tuple(questions),
    )


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
