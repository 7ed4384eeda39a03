"""Questions with their gold answers, and the corpus that holds them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`supports`: the documents of the corpus that the answer rests on. `refusable`: it is asked again
    without them."""

    text: str
    golds: tuple[str, ...]
    supports: frozenset[str]
    refusable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """`documents` by file name. `withheld`: what the corpus lacks when it must not know the answers."""

    name: str
    documents: Mapping[str, str]
    questions: tuple[Question, ...]
    withheld: frozenset[str]

    def reduced(self, documents: int, questions: int) -> "Set":
        """The first documents, and of the questions that they answer the first."""
        kept = dict(islice(self.documents.items(), documents))
        asked = [question for question in self.questions if question.supports <= kept.keys()]
        return Set(name=self.name, documents=kept, questions=tuple(asked[:questions]), withheld=self.withheld)


def xquad(data: Path, language: str) -> Set:
    """Each paragraph a document. The questions of the articles with odd numbers: the model's weights were
    fitted on the others. Without their documents those are asked whose paragraph has an odd number; all such
    paragraphs are withheld."""
    entries = json.loads((data / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    documents: dict[str, str] = {}
    questions: list[Question] = []
    for article, entry in enumerate(entries):
        for number, paragraph in enumerate(entry["paragraphs"]):
            name = f"{article:03}-{number:03}.txt"
            documents[name] = paragraph["context"]
            if article % 2:
                questions += (_squad(qa, name, number) for qa in paragraph["qas"])
    withheld = frozenset(name for name in documents if int(name[4:7]) % 2)
    return Set(name=f"xquad_{language}", documents=documents, questions=tuple(questions), withheld=withheld)


def _squad(qa: dict[str, Any], name: str, number: int) -> Question:
    golds = tuple(answer["text"] for answer in qa["answers"])
    return Question(text=qa["question"], golds=golds, supports=frozenset([name]), refusable=bool(number % 2))


def hotpotqa(data: Path) -> Set:
    corpus: dict[str, list[str]] = _load(data, "hotpotqa_train_corpus")
    names = {title: f"{n:04}.txt" for n, title in enumerate(corpus)}
    documents = {names[title]: f"{title}\n{''.join(sentences)}" for title, sentences in corpus.items()}
    questions = [
        Question(
            text=row["question"],
            golds=(row["answer"],),
            supports=frozenset(names[title] for title, _ in row["supporting_facts"] if title in names),
        )
        for row in _load(data, "hotpotqa_train")
    ]
    return _withholding("hotpotqa", documents, questions)


def musique(data: Path) -> Set:
    corpus: list[dict[str, str]] = _load(data, "musique_train_corpus")
    texts = [f"{row['title']}\n{row['text']}" for row in corpus]
    names = {text: f"{n:04}.txt" for n, text in enumerate(texts)}
    questions = [
        Question(
            text=row["question"],
            golds=(row["answer"], *row["answer_aliases"]),
            supports=frozenset(
                names[text]
                for paragraph in row["paragraphs"]
                if paragraph["is_supporting"]
                and (text := f"{paragraph['title']}\n{paragraph['paragraph_text']}") in names
            ),
        )
        for row in _load(data, "musique_train")
    ]
    return _withholding("musique", {name: text for text, name in names.items()}, questions)


def _withholding(name: str, documents: dict[str, str], questions: list[Question]) -> Set:
    withheld = frozenset(one for question in questions for one in question.supports)
    return Set(name=name, documents=documents, questions=tuple(questions), withheld=withheld)


def _load(data: Path, name: str) -> Any:
    return json.loads((data / "multihop" / f"{name}.json").read_text(encoding="utf-8"))
