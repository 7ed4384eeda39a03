"""What guardrails find in a text or in JSON, and what it is without that. Pure and the same for ever: what
is found is a part of decisions, so another way of finding needs a decision version."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.guardrails import MOST_PLACES, Found, Guardrail, OnFail, Side
from flowmatik.core.guards.offence import INSULTS
from flowmatik.core.guards.pii import Span, personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.core.reading.schema import breaks
from flowmatik.core.reading.words import folded, language_of, matches_of, pattern_of

STRONGEST: tuple[OnFail, ...] = ("refuse", "escalate", "retry", "fix")
_PASSES = 5  # hiding may leave something that can be found; after so many nothing has been seen to
_GONE = "[…]"
_ROOT = "$"
Spans = Callable[[str], list[Span]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What was found, and the strongest of what follows. `fixed`: the value without what is to be fixed."""

    findings: tuple[Found, ...]
    action: OnFail
    fixed: Any

    @property
    def changed(self) -> bool:
        return any(found.on_fail == "fix" for found in self.findings)


def tripped(rails: Sequence[Guardrail], side: Side, value: Any) -> Trip | None:
    """None when no guardrail of this side finds anything, which is the rule and costs microseconds."""
    found: list[Found] = []
    for n, rail in enumerate(rails):
        if rail.covers(side):
            rows, value = _applied(n, rail, value, fixing=rail.on_fail == "fix")
            found += rows
    if not found:
        return None
    action: OnFail = next(one for one in STRONGEST if any(row.on_fail == one for row in found))
    fixing = [rail for rail in rails if rail.covers(side) and rail.on_fail == "fix"]
    return Trip(findings=tuple(found), action=action, fixed=_settled(fixing, value) if fixing else value)


def _settled(fixing: Sequence[Guardrail], value: Any) -> Any:
    """What was cut may look like something that is to be hidden, and the other way round."""
    for _ in range(_PASSES):
        before = value
        for n, rail in enumerate(fixing):
            _, value = _applied(n, rail, value, fixing=True)
        if value == before:
            break
    return value


def hidden(rails: Sequence[Guardrail], side: Side, value: Any) -> Any:
    """`value` without anything that can be hidden, whatever follows from it: for people's eyes."""
    for n, rail in enumerate(rails):
        if rail.covers(side) and (spans := _spans_of(rail)) is not None:
            _, value = _hide(n, rail, spans, value)
    return value


def _applied(n: int, rail: Guardrail, value: Any, *, fixing: bool) -> tuple[list[Found], Any]:
    rows: list[Found] = []
    if (spans := _spans_of(rail)) is not None:
        rows, fixed = _hide(n, rail, spans, value)
        value = fixed if fixing else value
    if kind := _whole(rail, value):
        rows.append(
            Found(rail=n, check=rail.check, kind=kind, count=1, places=(_ROOT,), on_fail=rail.on_fail)
        )
        if fixing and rail.max_characters is not None:
            value = _shorter(value, rail.max_characters)
    return rows, value


def _spans_of(rail: Guardrail) -> Spans | None:
    """What finds places in one text; None for checks of the whole."""
    match rail.check:
        case "pii":
            return lambda text: personal(text, rail.kinds)
        case "secrets":
            return secrets_in
        case "toxicity":
            return _words(INSULTS + rail.words, "insult")
        case "topic" if rail.words:
            return _words(rail.words, "forbidden")
        case _:
            return None


def _words(phrases: tuple[str, ...], kind: str) -> Spans:
    return lambda text: [(m.start(), m.end(), kind) for m in matches_of(phrases, folded(text))]


def _whole(rail: Guardrail, value: Any) -> str:
    """Which way the value as a whole is wrong; "" when it is not."""
    match rail.check:
        case "topic" if rail.allow:
            return "" if pattern_of(rail.allow).search(folded(text_in(value))) else "off_topic"
        case "length":
            size = len(value) if isinstance(value, str) else _size(value)
            long = rail.max_characters is not None and size > rail.max_characters
            return "long" if long else "short" if size < rail.min_characters else ""
        case "schema":
            return "schema" if breaks(rail.schema or {}, value) else ""
        case "language":
            language = language_of(text_in(value))
            return "language" if language and language not in rail.languages else ""
        case _:
            return ""


def text_in(value: Any) -> str:
    """What of an output people read: all of a text, the text of a finding, else every text in it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "found" in fields and isinstance(fields.get("text"), str):
            return fields["text"]
    return "\n".join(_texts(value))


def _size(value: Any) -> int:
    if isinstance(value, dict) and "found" in value and "text" in value:
        return len(text_in(cast("dict[str, Any]", value)))
    return sum(map(len, _texts(value)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[Any]", value):
            yield from _texts(inner)


def _hide(n: int, rail: Guardrail, spans: Spans, value: Any) -> tuple[list[Found], Any]:
    """What was found by kind, and the value with each of them replaced by the name of its kind."""
    counts: dict[str, int] = {}
    places: dict[str, list[str]] = {}

    def shown(text: str, path: str) -> str:
        for _ in range(_PASSES):
            found = spans(text)
            if not found:
                break
            for _, _, kind in found:
                counts[kind] = counts.get(kind, 0) + 1
                at = places.setdefault(kind, [])
                if path not in at and len(at) < MOST_PLACES:
                    at.append(path)
            text = _replaced(text, found)
        return text

    fixed = _mapped(value, shown, _ROOT)
    rows = [
        Found(
            rail=n, check=rail.check, kind=kind, count=count, places=tuple(places[kind]), on_fail=rail.on_fail
        )
        for kind, count in sorted(counts.items())
    ]
    return rows, fixed if rows else value


def _replaced(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, kind in spans:
        if start >= at:
            parts += (text[at:start], _GONE if kind in ("forbidden", "insult") else f"[{kind}]")
            at = end
    return "".join((*parts, text[at:]))


def _mapped(value: Any, change: Callable[[str, str], str], path: str) -> Any:
    """Every text and name of a JSON value changed; the path of what is below a name has the changed one."""
    if isinstance(value, str):
        return change(value, path) if value else value
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for key, inner in cast("dict[str, Any]", value).items():
            name = change(str(key), path)
            made[name] = _mapped(inner, change, f"{path}.{name}")
        return made
    if isinstance(value, list | tuple):
        return [_mapped(one, change, f"{path}[{n}]") for n, one in enumerate(cast("Sequence[Any]", value))]
    return value


def _shorter(value: Any, most: int) -> Any:
    """With no more characters of text than that: of a finding its text is cut, else what comes last."""
    if isinstance(value, dict) and "found" in value and "text" in value:
        fields = cast("dict[str, Any]", value)
        return {**fields, "text": _cut(str(fields["text"]), most)}
    left = most

    def shorter(text: str) -> str:
        nonlocal left
        kept = _cut(text, left)
        left -= len(kept)
        return kept

    return _mapped_values(value, shorter)


def _mapped_values(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped_values(inner, change) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_mapped_values(one, change) for one in cast("Sequence[Any]", value)]
    return value


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    if most <= 1:
        return "…"[:most]
    head = text[: most - 1]
    broken = " " in head.strip() and not text[most - 1].isspace()
    whole = head.rsplit(maxsplit=1)[0] if broken else head
    return (whole if len(whole) > most // 2 else head).rstrip() + "…"
