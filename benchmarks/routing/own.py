"""The small bilingual set of the examples."""

from pathlib import Path
from typing import Any

import yaml

from benchmarks.routing.telling import Told, samples_of, told

QUESTIONS = Path(__file__).resolve().parents[2] / "examples" / "routing" / "questions.yaml"


async def figures_of_own_set() -> Told:
    """Without held-out questions: the threshold is from folds of those to learn from."""
    document: dict[str, Any] = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    known = {name: list(kind["train"]) for name, kind in document["intents"].items()}
    asked = {name: list(kind["test"]) for name, kind in document["intents"].items()}
    return await told(
        await _labelled(known), None, await _labelled(asked), await samples_of(document["out_of_scope"])
    )


async def _labelled(kinds: dict[str, list[str]]) -> tuple[Any, list[str]]:
    """By turns, so that each fold has some of every kind."""
    most = max(len(texts) for texts in kinds.values())
    rows = [(texts[n], name) for n in range(most) for name, texts in kinds.items() if n < len(texts)]
    return await samples_of([text for text, _ in rows]), [name for _, name in rows]
