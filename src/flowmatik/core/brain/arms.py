"""Agents with the models that they may have in a task: the arms among which `choosing` chooses. Pure.

An agent whose profile names several models (`model: {candidates: …}`) stands there once with each of them,
and what was learned of the pair counts for it. A model whose first turn may cost more than is left, or whose
price nobody knows while a cap holds, is no candidate, nor is one with which the task was tried already; while
a run is to spend less, the cheapest alone is one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Able:
    """What an agent may have in a task: `models`, and what is left of the money, None without a cap. `tried`:
    the models that had the task before; `frugal`: the run is to spend less."""

    models: tuple[str, ...]
    left_micros: int | None = None
    tried: tuple[str, ...] = ()
    frugal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """`facts` are the agent's, with those of the model in their place where there are several. `fits`: by the
    money left, as far as that is known; `barred` as of RouteCandidate."""

    agent: str
    model: str
    facts: Facts
    alone: bool = True
    fits: bool = True
    barred: str = ""

    @property
    def name(self) -> str:
        return self.agent if self.alone else f"{self.agent}/{self.model}"


def arms_of(row: Facts, able: Able) -> list[Arm]:
    """Of one agent; one at least is not barred."""
    agent = str(row["agent"])
    if len(able.models) == 1:
        left = able.left_micros
        fits = left is None or (row.get("cost_micros") or 0) <= left
        return [Arm(agent=agent, model=able.models[0], facts=row, fits=fits)]
    known = {one.get("model"): one for one in cast("Iterable[Facts]", row.get("models") or ())}
    arms = [_arm(row, known.get(model, {}), model, able) for model in able.models]
    if all(one.barred for one in arms):
        least = min(arms, key=lambda one: (not one.fits, one.barred == "tried", _worst(one)))
        arms = [replace(one, barred="") if one is least else one for one in arms]
    if able.frugal:
        least = min((one for one in arms if not one.barred), key=lambda one: (_cost(one), _worst(one)))
        arms = [one if one.barred or one is least else replace(one, barred="frugal") for one in arms]
    return arms


def _arm(row: Facts, own: Facts, model: str, able: Able) -> Arm:
    left, worst = able.left_micros, own.get("worst_micros")
    barred = ""
    if left is not None and worst is None:
        barred = "unpriced"
    elif left is not None and worst is not None and worst > left:
        barred = "dear"
    elif model in able.tried:
        barred = "tried"
    facts = {
        **row,
        "good": 0,
        "bad": 0,
        "all_good": 0,
        "all_bad": 0,
        "cost_micros": None,
        "seconds": None,
        **own,
    }
    return Arm(
        agent=str(row["agent"]),
        model=model,
        facts=facts,
        alone=False,
        fits=barred not in ("dear", "unpriced"),
        barred=barred,
    )


def dearest_of(row: Facts, able: Able, chosen: str) -> str:
    """The model that would have cost most for the same tokens among those that could have had the task; ""
    where no two prices are known, or that of `chosen` is not."""
    if len(able.models) == 1:
        return ""
    open_to = [one for one in arms_of(row, able) if one.barred in ("", "tried") and one.fits]
    prices = {one.model: one.facts.get("price_micros") for one in open_to}
    known = {model: micros for model, micros in prices.items() if micros is not None}
    if len(known) == 1 or chosen not in known:
        return ""
    return max(known, key=lambda model: known[model])


def _cost(arm: Arm) -> float:
    return _or_most(arm.facts.get("cost_micros"))


def _worst(arm: Arm) -> float:
    return _or_most(arm.facts.get("worst_micros"))


def _or_most(micros: int | None) -> float:
    return float("inf") if micros is None else micros
