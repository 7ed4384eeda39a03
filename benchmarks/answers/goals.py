"""The ten goals of `examples/`: what each expects, and what an answer lacks of it."""

import re
from pathlib import Path
from typing import Any, cast

import yaml

from benchmarks.answers.asking import Answered

ROUNDING = 0.06


def goals(examples: Path) -> list[dict[str, Any]]:
    text = (examples / "goals.yaml").read_text(encoding="utf-8")
    return cast("list[dict[str, Any]]", yaml.safe_load(text)["goals"])


def lacking(expect: dict[str, Any], answered: Answered) -> list[str]:
    """What is wrong with an answer; empty for one that is right."""
    found, cited, text = bool(answered.text), set(answered.sources), answered.text.lower()
    facts: list[list[str]] = expect.get("facts") or []
    figures: list[float] = expect.get("figures") or []
    said = numbers(answered.text)
    wrong = [] if found is expect["found"] else [f"found is {found}"]
    wrong += [f"lacks {group}" for group in facts if not any(fact.lower() in text for fact in group)]
    wrong += [f"lacks {one}" for one in figures if not any(abs(number - one) < ROUNDING for number in said)]
    wrong += [f"does not cite {one}" for one in sorted(_names(expect, "sources_all") - cited)]
    wrong += [f"cites {one}" for one in sorted(_names(expect, "not_sources") & cited)]
    return wrong + [f"{one} did not work" for one in sorted(_names(expect, "agents") - set(answered.agents))]


def _names(expect: dict[str, Any], key: str) -> set[str]:
    return set(cast("list[str]", expect.get(key) or []))


def numbers(text: str) -> list[float]:
    """Every number in a text, in plain, English or Spanish notation."""
    found: list[float] = []
    for token in re.findall(r"\d[\d.,]*", text):
        plain = token.strip(".,")
        for form in (plain.replace(",", ""), plain.replace(".", "").replace(",", ".")):
            if re.fullmatch(r"\d+(\.\d+)?", form):
                found.append(float(form))
    return found
