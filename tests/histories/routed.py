"""Stories of runs whose tasks go to agents by what the router knows."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.routing import ROUTES
from flowmatik.core import events as ev
from flowmatik.core.brain.gates import BRAIN
from tests.histories.playing import AT, Player

CLERK = AgentVersion(
    name="clerk", version="4" * 12, role="support", summary="Answers about orders.", instructions="Answer.",
    skills=("support",), examples=("where is my order", "cancel my order"),
)  # fmt: skip
BROKER = replace(CLERK, name="broker", version="5" * 12, summary="Sells.", examples=("what does it cost",))
GUARD = replace(CLERK, name="guard", version="6" * 12, skills=("checks",), examples=("who was at the door",))


def new(version: int, *plan: PlanTask, **more: Any) -> ev.RunCreated:
    return ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="Do it.", created_at=AT, model="local/extractive", plan=plan,
        decision_version=version, agents=(CLERK, BROKER, GUARD), advisers=(ROUTES,), **more,
    )  # fmt: skip


def row(agent: AgentVersion, **known: Any) -> dict[str, Any]:
    return {"agent": agent.ref(), "embedding": 0.4, "lexical": 0.1, "examples": None, **known}


def said(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "learned": 7, "seed": "5eed", "task_type": "support#1", "explore": True, "threshold": 0.3,
        "confidence": 0.9, "count": len(rows), "candidates": list(rows), **more,
    }  # fmt: skip


def two_with_the_skill(version: int) -> Player:
    """Of whom older versions took the first."""
    player = Player(new(version, PlanTask(id="a", objective="cancel it", skill="support", criteria=())))
    if version >= BRAIN:
        player.succeed("route", said(row(CLERK), row(BROKER, embedding=0.9), threshold=None))
    player.say("think", "Done.")
    return player


def routed(version: int) -> Player:
    """By what was learned, by examples alone, by the one skill, and to nobody; one adviser is away."""
    tasks = (
        PlanTask(id="a", objective="cancel it", skill="support", criteria=()),
        PlanTask(id="b", objective="who was there", skill="", needs=("a",), criteria=()),
        PlanTask(id="c", objective="look", skill="checks", needs=("b",), criteria=()),
        PlanTask(id="d", objective="sing", skill="", needs=("c",), criteria=()),
        PlanTask(id="e", objective="sell", skill="support", needs=("c",), criteria=()),
        PlanTask(id="f", objective="dance", skill="dancing", needs=("c",), criteria=()),
    )
    player = Player(new(version, *tasks, budget_micros=500))
    player.succeed("route", said(row(CLERK, good=9, bad=1, cost_micros=900), row(BROKER, good=2, bad=3)))
    player.say("think", "Done.")
    player.succeed("route", said(row(CLERK), row(BROKER), row(GUARD, embedding=0.8), explore=False))
    player.say("think", "Ana.")
    player.say("think", "Seen.")
    player.succeed("route", said(row(CLERK), row(GUARD), confidence=0.1))
    player.fail("route", "advice.none")
    player.say("think", "Sold.")
    player.succeed("route", said(row(CLERK), row(BROKER), row(GUARD)))
    return player
