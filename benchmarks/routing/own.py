"""The small bilingual set of the examples."""

from pathlib import Path
from typing import Any

import yaml

from benchmarks.routing.telling import Told, classifier_of, samples_of, told_by

QUESTIONS = Path(__file__).resolve().parents[2] / "examples" / "routing" / "questions.yaml"
LANGUAGES = {"own": slice(None), "own_en": slice(0, None, 2), "own_es": slice(1, None, 2)}  # by turns


async def figures_of_own_set() -> dict[str, Told]:
    """Of both languages together and of each (`own`, `own_en`, `own_es`), by one classifier and one
    threshold. Without held-out questions: the threshold is from those to learn from."""
    document: dict[str, Any] = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    known = {name: list(kind["train"]) for name, kind in document["intents"].items()}
    classifier = await classifier_of(*await _labelled(known))
    outside: list[str] = document["out_of_scope"]["test"]
    found: dict[str, Told] = {}
    for case, part in LANGUAGES.items():
        asked = {name: list(kind["test"])[part] for name, kind in document["intents"].items()}
        found[case] = told_by(classifier, await _labelled(asked), await samples_of(outside[part]))
    return found


async def _labelled(kinds: dict[str, list[str]]) -> tuple[Any, list[str]]:
    """By turns, so that each fold has some of every kind."""
    most = max(len(texts) for texts in kinds.values())
    rows = [(texts[n], name) for n in range(most) for name, texts in kinds.items() if n < len(texts)]
    return await samples_of([text for text, _ in rows]), [name for _, name in rows]
