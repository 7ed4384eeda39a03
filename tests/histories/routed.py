"""Stories of runs whose tasks go to agents by what the router knows."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, Usage
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
DEALER = replace(
    CLERK, name="dealer", version="7" * 12, skills=("deals",), model="x/mini", candidates=("x/mini", "x/big")
)
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


def model_row(model: str, **known: Any) -> dict[str, Any]:
    return {
        "model": model, "good": 0, "bad": 0, "all_good": 0, "all_bad": 0, "cost_micros": None,
        "seconds": None, "worst_micros": 100, "price_micros": 10, **known,
    }  # fmt: skip


def with_models(version: int) -> Player:
    """One agent with two models: the cheap one fails and makes way, does the next task, and gets the third,
    which no other could be paid for; then nobody can tell. Older versions have the first model."""
    tasks = (
        PlanTask(id="a", objective="price it", skill="deals", criteria=()),
        PlanTask(id="b", objective="count it", skill="", agent="dealer", needs=("a",), criteria=()),
        PlanTask(id="c", objective="sum it up", skill="deals", needs=("b",), criteria=()),
        PlanTask(id="d", objective="end it", skill="deals", needs=("c",), criteria=()),
    )
    player = Player(replace(new(version, *tasks, budget_micros=500), agents=(CLERK, DEALER)))
    if version < BRAIN:
        for _ in tasks:
            player.say("think", "Done.")
        return player
    small = model_row("x/mini", good=4, bad=1, all_good=4, all_bad=1, cost_micros=3)
    big = model_row("x/big", worst_micros=300, price_micros=90, cost_micros=90)
    known = said(row(DEALER, models=[small, big]), explore=False, threshold=None)
    player.succeed("route", known)
    player.fail("think", "model.key")
    player.succeed("route", known)
    player.say("think", "Ten.", cost=90)
    player.succeed("route", said(row(DEALER, models=[small, big]), threshold=None))
    player.fact(
        ev.CallSucceeded(
            call_id=player.open("think").call_id, cost_micros=3, instead_micros=80,
            reply=ModelReply(text="Two.", usage=Usage(input_tokens=10, output_tokens=5), cost_micros=3),
        )
    )  # fmt: skip
    dear = [model_row("x/mini", worst_micros=450), model_row("x/big", worst_micros=None, price_micros=None)]
    player.succeed("route", said(row(DEALER, models=dear), threshold=None))
    player.say("think", "All.", cost=1)
    player.fail("route", "advice.none")
    player.say("think", "End.", cost=1)
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
