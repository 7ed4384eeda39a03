"""What the factory may do, and when an agent of its making has failed too often. Pure."""

from collections.abc import Iterable, Mapping

from flowmatik.contracts.factory import FactoryRules
from flowmatik.contracts.tools import Effect, ToolSpec
from flowmatik.kernel.errors import InvalidInput

RANK = {Effect.READ: 0, Effect.IDEMPOTENT: 1, Effect.ONCE: 2}
PRIOR_SUCCEEDED, PRIOR_FAILED = 2, 1  # so that one bad beginning retires nobody


def narrowed(installation: FactoryRules, own: FactoryRules) -> FactoryRules:
    """What both allow. `installation` leaves nothing open but the cost."""
    skills, nothing = _skills(installation.skills or (), own.skills or ())
    return FactoryRules(
        enabled=installation.enabled and own.enabled and not nothing,
        skills=skills,
        tools=_both(installation.tools or (), own.tools),
        effect=min(_effects(installation, own), key=RANK.__getitem__),
        task_micros=min(_set(installation.task_micros, own.task_micros), default=None),
        most_a_day=min(_set(installation.most_a_day, own.most_a_day)),
        floor_percent=max(_set(installation.floor_percent, own.floor_percent)),
    )


def _skills(installation: tuple[str, ...], own: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """And whether none is left, for an empty list means any."""
    if not installation or not own:
        return installation or own, False
    left = _both(installation, own)
    return left, not left


def _both(installation: tuple[str, ...], own: tuple[str, ...] | None) -> tuple[str, ...]:
    return installation if own is None else tuple(one for one in installation if one in own)


def _effects(*rules: FactoryRules) -> list[Effect]:
    return [one.effect for one in rules if one.effect is not None]


def _set(*numbers: int | None) -> list[int]:
    return [number for number in numbers if number is not None]


def check_within(installation: FactoryRules, own: FactoryRules) -> None:
    """Raises InvalidInput (`input.factory_beyond`) with the first value that the installation does not
    allow."""
    for field, value, most in _beyond(installation, own):
        raise InvalidInput(
            f"the factory's {field} {value} goes beyond what the installation allows ({most}); a workspace "
            "can only narrow it",
            code="input.factory_beyond",
            context={"field": field, "value": value, "most": most},
        )


def _beyond(installation: FactoryRules, own: FactoryRules) -> Iterable[tuple[str, str, str]]:
    for field in ("skills", "tools"):
        allowed: tuple[str, ...] = getattr(installation, field) or ()
        unbounded = field == "skills" and not allowed
        more = [] if unbounded else [one for one in getattr(own, field) or () if one not in allowed]
        if more:
            yield field, ", ".join(more), ", ".join(allowed) or "none"
    if own.effect is not None and RANK[own.effect] > RANK[installation.effect or Effect.READ]:
        yield "effect", own.effect.value, str(installation.effect)
    for field in ("task_micros", "most_a_day"):
        value, most = getattr(own, field), getattr(installation, field)
        if value is not None and most is not None and value > most:
            yield field, str(value), str(most)
    if (floor := own.floor_percent) is not None and floor < (installation.floor_percent or 0):
        yield "floor_percent", str(floor), f"at least {installation.floor_percent}"


def allows(rules: FactoryRules, skill: str) -> bool:
    return rules.enabled and (not rules.skills or skill in rules.skills)


def tools_within(
    rules: FactoryRules, offered: Iterable[str], specs: Mapping[str, ToolSpec]
) -> tuple[str, ...]:
    """What the run offers and the rules allow."""
    strongest = RANK[rules.effect or Effect.READ]
    return tuple(
        sorted(
            name
            for name in set(offered) & set(rules.tools or ())
            if name in specs and RANK[specs[name].effect] <= strongest
        )
    )


def failed_too_often(rules: FactoryRules, succeeded: int, failed: int) -> bool:
    """By the mean of a Beta distribution with the prior above."""
    total = succeeded + failed + PRIOR_SUCCEEDED + PRIOR_FAILED
    return (succeeded + PRIOR_SUCCEEDED) / total * 100 < (rules.floor_percent or 0)
