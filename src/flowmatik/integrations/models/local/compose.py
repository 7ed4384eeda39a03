"""The writer's part: several findings become one, with its citations numbered anew."""

import re
from typing import Any, cast

from flowmatik.integrations.models.local.refusals import is_refusal
from flowmatik.integrations.models.local.words import language_of

_MARK = re.compile(r"\[(\d+)\]")
# A figure of the question is in no quote; beside an answer it would pass for one of the answer's.
_FIGURE = re.compile(r"[^\s«“(]*\d[^\s»”),;:?.]*(?:[.,:]\d+)*")


def compose(material: dict[str, Any]) -> dict[str, Any]:
    """One finding from `{"goal", "findings": [{"task", "found", "text", "citations"}]}`."""
    language = language_of(str(material.get("goal") or ""))
    texts: list[str] = []
    citations: list[dict[str, Any]] = []
    missing: list[str] = []
    refusals: list[str] = []
    for finding in cast("list[dict[str, Any]]", material.get("findings") or []):
        if not finding.get("found"):
            missing.append(str(finding.get("task") or "").strip(" ¿?"))
            said = str(finding.get("text") or "")
            refusals += [said] if is_refusal(said) and said not in refusals else []
            continue
        numbers: dict[str, int] = {}
        for citation in cast("list[dict[str, Any]]", finding["citations"]):
            numbers[str(citation["n"])] = len(citations) + 1
            citations.append({**citation, "n": len(citations) + 1})
        texts.append(_MARK.sub(lambda m, known=numbers: f"[{known.get(m[1], m[1])}]", str(finding["text"])))
    absent = [_not_found(missing, language), *refusals] if missing else []
    if not texts:
        text = " ".join(absent) or _not_found([], language)
        return {"found": False, "text": text, "citations": []}
    texts += [_FIGURE.sub("…", said) for said in absent]
    return {"found": True, "text": " ".join(texts), "citations": citations}


def _not_found(missing: list[str], language: str) -> str:
    what = "; ".join(f"«{part}»" if language == "es" else f"“{part}”" for part in missing if part)
    if language == "es":
        return f"No he encontrado respuesta a: {what}." if what else "No he encontrado respuesta."
    return f"I found no answer to: {what}." if what else "I found no answer."
