"""What keeps a statement from being a fact: its form, and whether the one who makes it may."""

from dataclasses import replace

from flowmatik.contracts.facts import (
    MAX_NAME_CHARACTERS,
    MAX_QUOTE_CHARACTERS,
    MAX_SUPPORTS,
    MAX_VALUE_CHARACTERS,
    FactScope,
    NewFact,
    Support,
)
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.facts.keys import has_many, key_of, predicate_of
from flowmatik.memory.facts.store import Line
from flowmatik.memory.facts.times import EVER, FOREVER, parsed
from flowmatik.memory.facts.viewing import Viewer


def line_of(workspace_id: str, new: NewFact, viewer: Viewer) -> Line:
    """Raises InvalidInput for what cannot be said, or not by the one who says it."""
    subject, predicate = _named("subject", new.subject), predicate_of(_named("predicate", new.predicate))
    _checked_value(new.value)
    if not predicate or not key_of(subject):
        raise _unusable(
            "predicate" if not predicate else "subject", new.predicate if not predicate else subject
        )
    owner, person = _whose(new, viewer)
    return Line(
        workspace_id=workspace_id,
        scope=new.scope,
        owner=owner,
        person=person,
        subject=subject,
        subject_key=key_of(subject),
        predicate=predicate,
        value_key=key_of(new.value) if has_many(predicate, new.many) else "",
    )


def times_of(since: str, until: str, default: tuple[str, str]) -> tuple[str, str]:
    """The valid time as the store has it. `ever` and `forever` are no bounds. Raises InvalidInput."""
    begins = EVER if since == "ever" else parsed(since, "valid_from") if since else default[0]
    ends = FOREVER if until == "forever" else parsed(until, "valid_until") if until else default[1]
    if begins >= ends:
        raise InvalidInput(
            f"valid_until ({until or ends}) is not after valid_from ({since or begins}); a fact holds for "
            "some time",
            code="input.fact.times",
            context={"valid_from": since or begins, "valid_until": until or ends},
        )
    return begins, ends


def weight_of(name: str, value: float) -> int:
    """Thousandths."""
    if not 0 <= value <= 1:
        raise InvalidInput(
            f"{name} is {value}; it is a number from 0 to 1",
            code="input.fact.weight",
            context={"field": name, "value": value},
        )
    return round(value * 1000)


def supports_of(given: tuple[Support, ...], at: str) -> tuple[Support, ...]:
    if len(given) > MAX_SUPPORTS:
        raise InvalidInput(
            f"a statement names {len(given)} sources; at most {MAX_SUPPORTS} are taken",
            code="input.fact.supports",
            context={"count": len(given), "limit": MAX_SUPPORTS},
        )
    return tuple(
        replace(
            one,
            ref=_named("supports.ref", one.ref),
            quote=_clean(one.quote)[:MAX_QUOTE_CHARACTERS],
            at=parsed(one.at, "supports.at") if one.at else at,
        )
        for one in given
    )


def _whose(new: NewFact, viewer: Viewer) -> tuple[str, str]:
    """Owner of the scope, and the one person who sees it."""
    if new.everybody and new.scope is not FactScope.AGENT:
        raise InvalidInput(
            f"a fact of the scope {new.scope.value!r} cannot be for everybody who asks; only an agent's can",
            code="input.fact.everybody",
            context={"scope": new.scope.value},
        )
    if new.scope is FactScope.USER:
        if new.owner not in ("", viewer.person) or new.person not in ("", viewer.person):
            raise _not_yours(new.owner or new.person)
        return viewer.person, viewer.person
    if new.person not in ("", viewer.person):
        raise _not_yours(new.person)
    if new.scope is FactScope.WORKSPACE:
        return "", new.person
    owner = _named("owner", new.owner)
    if new.scope is FactScope.TEAM and owner not in viewer.teams:
        raise InvalidInput(
            f"you are not in the team {owner!r}; its facts are its members' to tell",
            code="input.fact.team",
            context={"team": owner},
        )
    # What is remembered of a conversation, or by an agent that many people talk to, is seen by whoever had it
    # remembered: what one of them tells an agent is not for the next one.
    own = new.scope is FactScope.THREAD or (new.scope is FactScope.AGENT and not new.everybody)
    return owner, viewer.person if own else new.person


def checked_value(text: str) -> str:
    _checked_value(text)
    return text.strip()


def _checked_value(text: str) -> None:
    if len(text) > MAX_VALUE_CHARACTERS or not key_of(text) or _clean(text) != text:
        raise InvalidInput(
            f"the value has {len(text):,} characters; it must say something, in 1 to "
            f"{MAX_VALUE_CHARACTERS:,} of them, without control characters",
            code="input.fact.value",
            context={"characters": f"{len(text):,}", "limit": f"{MAX_VALUE_CHARACTERS:,}"},
        )


def _named(name: str, text: str) -> str:
    stripped = text.strip()
    if not stripped or len(stripped) > MAX_NAME_CHARACTERS or _clean(stripped) != stripped:
        raise _unusable(name, text)
    return stripped


def _clean(text: str) -> str:
    """Without what no store takes, or no terminal shows."""
    kept = "".join(c for c in text if c.isprintable() or c in "\n\t")
    return kept.encode("utf-8", "ignore").decode("utf-8")


def _unusable(name: str, text: str) -> InvalidInput:
    shown = ascii(text[:60])
    return InvalidInput(
        f"{name}: {shown} cannot be used; it has 1 to {MAX_NAME_CHARACTERS} characters, on one line",
        code="input.fact.name",
        context={"field": name, "value": shown, "limit": MAX_NAME_CHARACTERS},
    )


def _not_yours(person: str) -> InvalidInput:
    return InvalidInput(
        f"{person[:60]!r} is somebody else; everybody states what is remembered about themselves",
        code="input.fact.person",
        context={"person": person[:60]},
    )
