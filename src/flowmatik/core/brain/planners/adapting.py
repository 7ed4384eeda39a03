"""A plan for one goal made one for another, by what differs between them: numbers, dates, names, quoted text
and other nouns. Refused whenever it is not sure: a goal that differs in what is asked, and not in what it is
asked of, needs a plan of its own. Pure, and part of what a decision version decides.

Words are compared without case and accents; both languages at once, for few of these words are another
word's in the other.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, cast

from flowmatik.contracts.plans import Condition, PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core.brain.planners.words import BEFORE_NOUNS, DECISIVE, FILLER, MONTHS

MOST_CHANGES = 4
MOST_SHARE = 0.4  # of the old goal's words that may differ
MOST_WORDS = 3  # of one that stands for another, when it is no name
STEM = 5
_TOKEN = re.compile(
    r"\"[^\"\n]{1,200}\"|«[^»\n]{1,200}»|“[^”\n]{1,200}”|[\w@]+(?:[.,:/@’'-]\w+)*|[%€$£<>=+*]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """`changes`: what stood in the old goal and its tasks, and what stands there now."""

    tasks: tuple[PlanTask, ...]
    changes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    folded: str
    kind: str  # number | date | quoted | code | name | symbol | word


def adapt(old_goal: str, new_goal: str, tasks: tuple[PlanTask, ...]) -> Adapted | str:
    """The tasks for the new goal, or in English why it is not sure."""
    old, new = list(_tokens(old_goal)), list(_tokens(new_goal))
    changes: dict[str, tuple[str, str]] = {}
    acts = any(_effect_of(task) is not Effect.READ for task in tasks)
    differing = 0
    opcodes = SequenceMatcher(
        None, [one.folded for one in old], [one.folded for one in new], autojunk=False
    ).get_opcodes()
    for kind, i, to_i, j, to_j in opcodes:
        if kind == "equal":
            continue
        before, after = old[i:to_i], new[j:to_j]
        if kind != "replace":
            if doubt := _doubt_of_extra(before or after):
                return doubt
            continue
        position = _Place(before=old[i - 1].folded if i else "", first=i == 0)
        if doubt := _doubt_of(before, after, position, acts=acts):
            return doubt
        differing += max(len(before), len(after))
        text, now = _text(before), _text(after)
        if changes.setdefault(_folded(text), (text, now))[1] != now:
            return f"{text!r} would have to become two things"
    if not changes:
        return Adapted(tasks=tasks)
    if len(changes) > MOST_CHANGES or differing > MOST_SHARE * max(len(old), 1):
        return "too much differs between the goals"
    return _put_in(tasks, changes, _unchanged(old, opcodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    before: str  # the word before it
    first: bool


def _effect_of(task: PlanTask) -> Effect:
    """That of a step is its tool's, of which the plan says nothing: it may be any."""
    return Effect.ONCE if task.tool else task.effect


def _tokens(goal: str) -> Iterator[_Token]:
    ends = True  # a sentence: what comes next has a capital for that
    at = 0
    for match in _TOKEN.finditer(goal):
        text = match.group()
        ends = ends or bool(re.search(r"[.!?¿¡:;]", goal[at : match.start()]))
        yield _Token(text, _folded(text), _kind(text, begins=ends))
        ends, at = False, match.end()


def _kind(text: str, *, begins: bool) -> str:
    folded = _folded(text)
    if text[0] in '"«“':
        return "quoted"
    if len(text) == 1 and not text.isalnum():
        return "symbol"
    if re.fullmatch(r"\d+(?:[.,]\d+)*", text):
        return "number"
    if folded in MONTHS or re.fullmatch(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:t.*)?", folded):
        return "date"
    if any(c.isdigit() for c in text):
        return "code"
    return "name" if text[0].isupper() and not begins else "word"


def _folded(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def _doubt_of_extra(tokens: Sequence[_Token]) -> str:
    extra = next((one.text for one in tokens if one.folded not in FILLER), "")
    return f"{extra!r} stands in one of the goals alone" if extra else ""


def _doubt_of(before: Sequence[_Token], after: Sequence[_Token], place: _Place, *, acts: bool) -> str:
    """Why one may not stand for the other; "" when it may."""
    decisive = next((one.text for one in (*before, *after) if one.folded in DECISIVE), "")
    if decisive:
        return f"{decisive!r} changes what is asked"
    kinds = {one.kind for one in before if one.folded not in BEFORE_NOUNS | FILLER}
    others = {one.kind for one in after if one.folded not in BEFORE_NOUNS | FILLER}
    was, now = _text(before), _text(after)
    if "symbol" in kinds | others or not kinds or not others:
        return f"{was!r} and {now!r} are not of a kind"
    if kinds == others and kinds <= {"number", "date", "quoted", "code", "name"}:
        return ""
    if kinds | others > {"word"} and "word" not in kinds & others:
        return f"{was!r} and {now!r} are not of a kind"
    if acts:
        return f"{was!r} and {now!r} may change what is done, and the plan does more than read"
    if place.first or place.before not in BEFORE_NOUNS or max(len(before), len(after)) > MOST_WORDS:
        return f"{was!r} and {now!r} may change what is asked"
    return ""


def _text(tokens: Sequence[_Token]) -> str:
    return " ".join(one.text for one in tokens)


def _unchanged(old: Sequence[_Token], opcodes: Sequence[tuple[str, int, int, int, int]]) -> str:
    """What of the old goal stands in the new one as well."""
    kept = [old[i:to_i] for kind, i, to_i, _, _ in opcodes if kind == "equal"]
    return "\n".join(" ".join(one.folded for one in part) for part in kept)


def _put_in(
    tasks: tuple[PlanTask, ...], changes: dict[str, tuple[str, str]], unchanged: str
) -> Adapted | str:
    for folded, (text, _) in changes.items():
        if _word(folded).search(unchanged):
            return f"{text!r} also stands where nothing changes"
    found = set[str]()
    pattern = re.compile(
        "|".join(rf"(?<!\w){_spaced(text)}(?!\w)" for text, _ in sorted(changes.values(), key=_longest)),
        re.IGNORECASE,
    )

    def change(text: str) -> str:
        def new(match: re.Match[str]) -> str:
            known = _folded(" ".join(match.group().split()))
            found.add(known)
            return changes[known][1] if known in changes else match.group()

        return pattern.sub(new, text)

    made = tuple(_changed(task, change) for task in tasks)
    if missing := next((text for folded, (text, _) in changes.items() if folded not in found), ""):
        return f"{missing!r} does not stand in the plan as it does in the goal"
    if stale := _stale(made, changes):
        return f"the plan speaks of {stale!r} in other words, too"
    return Adapted(tasks=made, changes=tuple(changes.values()))


def _longest(change: tuple[str, str]) -> int:
    return -len(change[0])


def _spaced(text: str) -> str:
    return r"\s+".join(map(re.escape, text.split()))


def _word(folded: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){_spaced(folded)}(?!\w)")


def _stale(tasks: Sequence[PlanTask], changes: dict[str, tuple[str, str]]) -> str:
    """A word of the plan that comes from one which was changed: the same in plural, for instance."""
    new = {_folded(word) for _, now in changes.values() for word in now.split()}
    stems = {
        _folded(word)[:STEM]
        for text, _ in changes.values()
        for word in text.split()
        if word.isalpha() and len(word) >= STEM
    } - {word[:STEM] for word in new}
    words = re.findall(r"\w+", " ".join(text for task in tasks for text in _texts(task)))
    return next((word for word in words if _folded(word)[:STEM] in stems), "")


def _texts(task: PlanTask) -> Iterator[str]:
    texts: list[str] = []

    def keep(text: str) -> str:
        texts.append(text)
        return text

    _changed(task, keep)
    return iter(texts)


def _changed(task: PlanTask, change: Callable[[str], str]) -> PlanTask:
    """Everything in a task that says what it is about."""
    run = task.run and replace(
        task.run, goal=change(task.run.goal), plan=tuple(_changed(one, change) for one in task.run.plan)
    )
    spec = task.map
    if spec is not None:
        inner = replace(
            spec.run, goal=change(spec.run.goal), plan=tuple(_changed(one, change) for one in spec.run.plan)
        )
        spec = replace(spec, items=_deep(spec.items, change), run=inner)
    return replace(
        task,
        objective=change(task.objective),
        arguments=_deep(task.arguments, change),
        when=tuple(_condition(one, change) for one in task.when),
        run=run,
        map=spec,
    )


def _condition(one: Condition, change: Callable[[str], str]) -> Condition:
    return replace(one, value=_deep(one.value, change))


def _deep(value: Any, change: Callable[[str], str]) -> Any:
    """Texts, and numbers by how they are written; never the names of fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _number(value, change)
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        return {name: part if name == "$blob" else _deep(part, change) for name, part in given.items()}
    if isinstance(value, list | tuple):
        return [_deep(part, change) for part in cast("Sequence[Any]", value)]
    return value


def _number(value: float, change: Callable[[str], str]) -> Any:
    made = change(str(value))
    if made == str(value):
        return value
    try:
        return int(made) if isinstance(value, int) else float(made)
    except ValueError:
        return value
