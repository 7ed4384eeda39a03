"""Scores an answer by the checks of its case. Pure: the same answer has the same score; no model judges."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.evaluations.model import Checks
from flowmatik.agents.output import parse_json, schema_fault
from flowmatik.agents.skills.calculator import calculated
from flowmatik.contracts.answers import Answer
from flowmatik.kernel import canonical


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Small words that one of the two languages has and the other has not.
_SPANISH = _words(
    "el la los las un una de del que en y por para con se su al es no lo como más pero sus le ya "
    "este esta está son hay desde hasta sobre cuando muy sin ser tiene también puede"
)
_ENGLISH = _words(
    "the of and to in is for on that by this with are be as at from it was not have has an will can "
    "which or but they you your there their when must who"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """`detail` says in English what is wrong, or what was found."""

    check: str
    passed: bool
    detail: str = ""


def score(checks: Checks, answer: Answer) -> list[Checked]:
    """Each of the checks that the case names. A case passes when all of them do."""
    return [*_texts(checks, answer.text), *_facts(checks, answer), *_json(checks, answer.text)]


def _texts(checks: Checks, text: str) -> Iterator[Checked]:
    flat = squeezed(text)
    for wanted in checks.contains:
        yield Checked(check="contains", passed=squeezed(wanted) in flat, detail=wanted)
    if checks.contains_any:
        passed = any(squeezed(wanted) in flat for wanted in checks.contains_any)
        yield Checked(check="contains_any", passed=passed, detail=" | ".join(checks.contains_any))
    for barred in checks.not_contains:
        yield Checked(check="not_contains", passed=squeezed(barred) not in flat, detail=barred)
    if checks.max_length is not None:
        detail = f"{len(text)} of {checks.max_length}"
        yield Checked(check="max_length", passed=len(text) <= checks.max_length, detail=detail)
    for expression in checks.arithmetic:
        result = calculated(expression).result
        yield Checked(check="arithmetic", passed=_has_number(text, result), detail=f"{expression} = {result}")


def _facts(checks: Checks, answer: Answer) -> Iterator[Checked]:
    for name in checks.cites:
        sources = [citation.source for citation in answer.citations]
        passed = any(source == name or source.endswith(f"/{name}") for source in sources)
        yield Checked(check="cites", passed=passed, detail=name)
    if checks.refuses is not None:
        detail = "an answer" if answer.found else "no answer"
        yield Checked(check="refuses", passed=answer.found is not checks.refuses, detail=detail)
    if checks.language is not None:
        spoken = language_of(answer.text)
        yield Checked(check="language", passed=spoken == checks.language, detail=spoken or "neither")


def _json(checks: Checks, text: str) -> Iterator[Checked]:
    if checks.answer_schema is None and checks.equals_json is None:
        return
    try:
        value: Any = parse_json(text)
    except ValueError as error:
        yield Checked(check="json", passed=False, detail=f"not JSON: {error}")
        return
    if checks.answer_schema is not None:
        fault = schema_fault(checks.answer_schema, value)
        yield Checked(check="schema", passed=fault is None, detail=str(fault or ""))
    if checks.equals_json is not None:
        same = canonical.dumps(value) == canonical.dumps(checks.equals_json)
        yield Checked(check="equals_json", passed=same, detail="" if same else canonical.dumps(value)[:300])


def squeezed(text: str) -> str:
    """Lower case, any white space as one space."""
    return " ".join(text.casefold().split())


def language_of(text: str) -> str:
    """ "es", "en", or "" where small words speak for neither."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    spanish = sum(word in _SPANISH for word in words) + 2 * len(re.findall(r"[¿¡ñ]", text))
    english = sum(word in _ENGLISH for word in words)
    if spanish == english:
        return ""
    return "es" if spanish > english else "en"


def _has_number(text: str, wanted: str) -> bool:
    """Whether the number stands in the text, however thousands and decimals are marked."""
    numbers = re.findall(r"\d+(?:[.,\u00a0\u202f ]\d+)*", text)
    return any(wanted in _readings(number) for number in numbers)


def _readings(number: str) -> set[str]:
    """`1.234,5` as people on both sides of the Atlantic read it."""
    bare = re.sub(r"[\u00a0\u202f ]", "", number)
    found: set[str] = set()
    for thousands, point in ((",", "."), (".", ",")):
        whole, mark, part = bare.replace(thousands, "").partition(point)
        part = part.rstrip("0")
        found.add(f"{whole}.{part}" if mark and part else whole)
    return found
