"""Whether a call fits a cap: now, once calls under way have cost less than was set aside for them, or
never. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.brain.judging import next_judge
from flowmatik.core.brain.verifying import JUDGE
from flowmatik.core.engine.requests import planner_of
from flowmatik.core.fold.judges import key_of
from flowmatik.core.journal.port import CapUse
from flowmatik.core.state import RunState

MICROS = 1_000_000


class Fit(Enum):
    NOW = auto()
    LATER = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who makes a call: an agent, for a task ("" is the plan). `cap_micros` is the most that the task may
    cost: what the plan gives it, or what the agent's profile permits (`by_profile`) if that is less."""

    task_id: str = ""
    agent: str = ""
    cap_micros: int | None = None
    by_profile: bool = False
    judge_cap_micros: int | None = None  # of the one judge that is asked, who has cost `judged_micros`
    judged_micros: int = 0

    @property
    def is_capped(self) -> bool:
        return self.cap_micros is not None or self.judge_cap_micros is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The most that the next call may cost; `model` is the tool where one is called."""

    model: str
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`refusal` says in English, and `values` for the catalogues, why the call must not be made, and
    `of_task` that only the cap of its task is in the way; `wait` asks to come again; else `micros` is set
    aside for it of the run and of each of `scopes`."""

    micros: int = 0
    priced: bool = True
    scopes: tuple[str, ...] = ()
    refusal: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    of_task: bool = False
    wait: bool = False
    drawn: ev.AllotmentGranted | ev.AllotmentCounted | None = None


def payer_of(state: RunState, task_id: str) -> Payer:
    """For the plan the planner pays, if there is one."""
    task = state.tasks.get(task_id)
    agent = planner_of(state) if task is None else task.agent
    cap = task.spec.budget_micros if task else None
    permitted = agent.budget_micros if agent else None
    by_profile = permitted is not None and (cap is None or permitted < cap)
    return Payer(
        task_id=task_id,
        agent=agent.name if agent else "",
        cap_micros=permitted if by_profile else cap,
        by_profile=by_profile,
    )


def payer_for(state: RunState, purpose: str, task_id: str) -> Payer:
    """`payer_of`; a judge has a budget of its own within the task's."""
    payer = payer_of(state, task_id)
    asked = next_judge(state, state.tasks[task_id]) if purpose == JUDGE else None
    if asked is None or asked[1].budget_usd is None:
        return payer
    number, judge = asked
    spent = state.spent_on_judges.get(key_of(task_id, number), 0)
    return replace(payer, judge_cap_micros=round((judge.budget_usd or 0) * MICROS), judged_micros=spent)


def fit(cap: int | None, spent: int, reserved: int, worst: int) -> Fit:
    if cap is None or spent + reserved + worst <= cap:
        return Fit.NOW
    return Fit.LATER if spent + worst <= cap else Fit.NEVER


def shared_fit(state: RunState, use: CapUse, worst: int) -> Fit:
    """What runs at rest have spent, and this one, stays spent; the rest may come back, but what this one has
    set aside for calls in doubt, which nothing gives back before a person says so. A soft cap bears
    everything."""
    if use.soft:
        return Fit.NOW
    open_micros = state.reserved_of(use.scope, doubted=False)
    charged = state.bound(use.scope) - open_micros
    stays = use.granted_micros - use.others_micros - state.held.get(use.scope, 0)
    return fit(use.limit_micros, stays + charged, use.others_micros + open_micros, worst)


def by_own_caps(state: RunState, payer: Payer, price: Price) -> Reservation | None:
    """What the run's budget and the cap of the task say, each of what was spent under it; None when both
    bear the call."""
    budget = state.created.budget_micros
    doubted = state.doubted_micros  # nothing gives that back before a person says so
    used = state.spent_micros + state.aside_micros + doubted  # what is kept for taking back stays so
    under_way = state.reserved_micros - doubted + state.reserved_below
    of_run = fit(budget, used, under_way, price.micros)
    if budget is not None and of_run is Fit.NEVER:
        return _over_budget(price, budget, used)
    judge = payer.judge_cap_micros
    if judge is not None and fit(judge, payer.judged_micros, 0, price.micros) is Fit.NEVER:
        return replace(_over_budget(price, judge, payer.judged_micros), of_task=True)
    spent = state.spent_on.get(payer.task_id, 0)
    of_task = fit(payer.cap_micros, spent, state.reserved_for(payer.task_id), price.micros)
    if payer.cap_micros is not None and of_task is Fit.NEVER:
        return _over_task(price, payer, payer.cap_micros, spent)
    return Reservation(wait=True) if Fit.LATER in (of_run, of_task) else None


def _over_budget(price: Price, cap: int, spent: int) -> Reservation:
    left = max(cap - spent, 0)
    return Reservation(
        refusal=f"{_next_call(price)} and {usd(left)} of the budget of {usd(cap)} is left; "
        "give a larger budget",
        values={**_priced(price), "left_usd": left / MICROS, "cap_usd": cap / MICROS},
    )


def _over_task(price: Price, payer: Payer, cap: int, spent: int) -> Reservation:
    left = max(cap - spent, 0)
    values = {**_priced(price), "left_usd": left / MICROS}
    told = f"{_next_call(price)} and {usd(left)} of the {usd(cap)}"
    if payer.by_profile:
        return Reservation(
            refusal=f"{told} that {payer.agent} may spend on one task is left; "
            "raise budgets.usd in its profile",
            values={**values, "agent": payer.agent, "agent_cap_usd": cap / MICROS},
            of_task=True,
        )
    return Reservation(
        refusal=f"{told} that task {payer.task_id!r} may cost is left; give the task a larger budget",
        values={**values, "task": payer.task_id, "task_cap_usd": cap / MICROS},
        of_task=True,
    )


def over_shared(price: Price, scopes: Sequence[str]) -> Reservation:
    return Reservation(
        refusal=f"{_next_call(price)}, which would pass the cap of {' or '.join(scopes)}; raise that cap",
        values={**_priced(price), "caps": ", ".join(scopes)},
    )


def unpriced(state: RunState, payer: Payer, model: str, scopes: Sequence[str]) -> Reservation:
    """Under no cap a call may cost whatever it costs."""
    whole_run = state.created.budget_micros is not None or bool(scopes)
    if not whole_run and not payer.is_capped:
        return Reservation(priced=False)
    return Reservation(
        refusal=f"the price of {model!r} is not known, so a cap cannot hold it; "
        "set its price in the settings or lift the cap",
        values={"model": model},
        of_task=not whole_run,
    )


def _next_call(price: Price) -> str:
    return f"the next call of {price.model!r} may cost {usd(price.micros)}"


def _priced(price: Price) -> dict[str, Any]:
    return {"model": price.model, "price_usd": price.micros / MICROS}


def usd(micros: int) -> str:
    return f"${max(micros, 0) / MICROS:.6f}".rstrip("0").rstrip(".")
