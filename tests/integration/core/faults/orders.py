"""Runs of every kind that a fault may meet: at work in tools, waiting for a time or a signal, paying."""

import random
from dataclasses import dataclass

from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun
from tests.integration.core.faults.member import EFFECTS

BUDGET_MICROS = 2000
DEADLINE_SECONDS = 900.0
OVER = "over"  # what every run waits for before its last step
ACTS = ("send", "put", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`steps` are those that must be done once each, `signals` what the run waits for before `OVER`."""

    new: NewRun
    steps: tuple[str, ...]
    signals: tuple[str, ...]


class Plan:
    """A chain: each task needs the one before."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.tasks: list[PlanTask] = []
        self.steps: list[str] = []
        self.signals: list[str] = []

    @property
    def _needs(self) -> tuple[str, ...]:
        return (self.tasks[-1].id,) if self.tasks else ()

    @property
    def _name(self) -> str:
        return f"t{len(self.tasks)}"

    def step(self, tool: str, seconds: tuple[float, float] = (0.2, 1.2)) -> None:
        step = self._name
        arguments = {"tool": tool, "step": step, "seconds": round(self._chance.uniform(*seconds), 2)}
        self.tasks.append(
            PlanTask(
                id=step,
                objective="",
                tool=tool,
                effect=EFFECTS[tool],
                arguments=arguments,
                needs=self._needs,
            )
        )
        if tool in ACTS:
            self.steps.append(step)

    def pause(self, seconds: float) -> None:
        wait = WaitSpec(kind="time", seconds=round(seconds, 2))
        self.tasks.append(PlanTask(id=self._name, objective="", wait=wait, needs=self._needs))

    def listen(self, name: str = "") -> None:
        wait = WaitSpec(kind="signal", name=name or self._name)
        if not name:
            self.signals.append(self._name)
        self.tasks.append(PlanTask(id=self._name, objective="", wait=wait, needs=self._needs))

    def ask(self) -> None:
        task = PlanTask(id=self._name, objective="ask", agent="clerk", criteria=(), needs=self._needs)
        self.tasks.append(task)


def order(chance: random.Random, n: int) -> Order:
    plan = Plan(chance)
    kind = n % 8
    if kind < 3:
        for _ in range(9):
            plan.step(chance.choice([*ACTS, "look"]), (0.5, 1.5))
    elif kind < 5:
        for _ in range(4):
            plan.step(chance.choice(ACTS))
            plan.pause(chance.uniform(2.0, 6.0))
    elif kind < 7:
        for _ in range(3):
            plan.step(chance.choice(ACTS))
            plan.listen()
    else:
        for _ in range(3):
            plan.ask()
            plan.step("send")
            plan.pause(chance.uniform(2.0, 6.0))
    plan.listen(OVER)
    plan.step("send")
    paid = kind == 7
    new = NewRun(
        goal=f"order {n}",
        plan=tuple(plan.tasks),
        idempotency_key=f"order {n}",
        budget_micros=BUDGET_MICROS if paid else None,
        deadline_seconds=DEADLINE_SECONDS if n % 2 else None,
    )
    return Order(new=new, steps=tuple(plan.steps), signals=tuple(plan.signals))
