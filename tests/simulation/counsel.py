"""Advisers of a simulated life: they know something, or nothing, or nonsense; they crash, stall, or come
late."""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from flowmatik.contracts.advice import Adviser, Question
from flowmatik.contracts.routing import ROUTES
from flowmatik.kernel.errors import FlowmatikError
from tests.simulation.virtual_time import nap

UNWISE = "advice.unwise"  # the code of advisers that fail: no run may


def advisers(chance: random.Random, cross: Callable[[], Awaitable[None]]) -> Mapping[str, Adviser]:
    """Those that engines ask. `cross`: the line between them and their process."""
    knows = {ROUTES: _routes, "cases": _cases, "playbooks": _playbooks}

    def adviser(name: str) -> Adviser:
        async def advise(question: Question) -> dict[str, Any]:
            await cross()
            await suffer(chance)
            await cross()
            return knows[name](chance, question)

        return advise

    return {name: adviser(name) for name in knows}


async def suffer(chance: random.Random) -> None:
    draw = chance.random()
    if draw < 0.1:
        raise FlowmatikError("the adviser is of no use", code=UNWISE)
    if draw < 0.2:
        raise KeyError("a crash")
    if draw < 0.21:
        await nap(100.0)
    elif draw < 0.33:
        await nap(chance.uniform(0.5, 5.0))


def _routes(chance: random.Random, question: Question) -> dict[str, Any]:
    refs: list[str] = question.arguments["agents"]
    if chance.random() < 0.15:
        return chance.choice([{}, {"candidates": []}, {"candidates": [{"agent": "stranger@1"}]}])
    rows = [{"agent": ref, "lexical": chance.random(), "good": chance.randint(0, 3)} for ref in refs]
    return {"candidates": rows, "explore": chance.random() < 0.5, "seed": str(question.run_id), "learned": 1}


def _cases(chance: random.Random, question: Question) -> dict[str, Any]:
    goal = str(question.arguments["goal"])
    tasks = [{"id": "t1", "objective": "part of a case", "skill": "documents"}]
    good = {"case": "c1", "goal": goal, "similarity": 1.0, "tasks": tasks}
    return chance.choice([{}, {}, {"cases": []}, {"cases": [{"goal": 3, "tasks": "?"}]}, {"cases": [good]}])


def _playbooks(chance: random.Random, _: Question) -> dict[str, Any]:
    tasks = [{"id": "t1", "objective": "by the book", "skill": "documents"}]
    circle = [{"id": "t1", "objective": "", "skill": "documents", "needs": ["t1"]}]
    return chance.choice(
        [
            {},
            {},
            {},
            {"playbook": "b@1", "tasks": tasks},
            {"playbook": "b@1", "tasks": circle},
            {"playbook": "b@1", "tasks": [{"id": 1}]},
            {"playbook": "b@1", "fault": {"code": "x", "text": "it is old", "values": {}}},
        ]
    )
