"""Agents that work together in a simulated life, and what they are asked: plans that change under way, agents
that ask others, votes, reviewers, cascades and guardrails. How their models answer is in `minds`."""

import random
from collections.abc import Callable
from dataclasses import replace

from flowmatik.contracts.agents import AgentVersion, Planning
from flowmatik.contracts.approvals import ApprovalPolicy, Escalation
from flowmatik.contracts.cascades import Cascade
from flowmatik.contracts.criteria import Judge, Policy
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.plans import PlanTask, RepeatSpec, VoteSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.team_tools import ASK_AGENT, BOARD_READ, BOARD_WRITE, HAND_OVER, PROPOSE_TASKS
from flowmatik.contracts.threads import ConversationPolicy
from flowmatik.core.threads.handing import HAND_TO_PERSON

STRONG, CHEAP = "sim/strong", ("sim/cheap-1", "sim/cheap-2")
SOON = ApprovalPolicy(expires_seconds=5.0)
LATER = ApprovalPolicy(approvers=("carl",), escalations=(Escalation(after_seconds=3.0, approvers=("anna",)),))
SOUND = Policy(check="policy", forbid=("wrong",))
JUDGED = Judge(check="judge", rubric="It is right.")


def _agent(name: str, role: str = "researcher", **more: object) -> AgentVersion:
    plain = AgentVersion(
        name=name, version="0" * 12, role=role, summary="", instructions=f"You are {name}.", max_turns=4
    )
    return replace(plain, **more)


BOSS = _agent(
    "boss",
    tools=(ASK_AGENT, HAND_OVER, "look", "put"),
    delegates=("scout", "hand", "nobody"),
    hand_over_to=("deputy",),
)
CREW = (
    _agent(
        "scout",
        skills=("documents",),
        tools=("look", PROPOSE_TASKS, BOARD_READ, BOARD_WRITE),
        criteria=(SOUND,),
        frugal_model=CHEAP[0],
    ),
    _agent("ranger", skills=("documents", "maps"), tools=("look",), criteria=(SOUND, JUDGED)),
    _agent(
        "counter",
        role="analyst",
        skills=("tables",),
        tools=("look",),
        criteria=(SOUND,),
        cascade=Cascade(models=CHEAP, strong=STRONG),
    ),
    _agent(
        "sifter",
        skills=("sifting",),
        criteria=(SOUND,),
        cascade=Cascade(models=CHEAP[:1], strong=STRONG, verify=True),
    ),
    BOSS,
    _agent("deputy", tools=(HAND_OVER, "look", "put"), hand_over_to=("boss",)),
    _agent(
        "hand",
        tools=(ASK_AGENT, "look", "put", "send", "order"),
        delegates=("boss", "scout"),
        budget_micros=500,
        approvals={"send": SOON},
    ),
    _agent(
        "chief", tools=(ASK_AGENT, "look", "put", "send"), delegates=("boss", "hand"), approvals={"put": SOON}
    ),
    _agent(
        "warden",
        skills=("secrets",),
        tools=("look",),
        guardrails=(
            Guardrail(check="pii", kinds=("email",), on_fail="escalate", approval=SOON),
            Guardrail(check="topic", words=("forbidden",), on="output", on_fail="retry"),
            Guardrail(check="topic", words=("hushed",), on="both", on_fail="escalate", approval=LATER),
        ),
    ),
    _agent("chooser", role="judge"),
    _agent("reviewer", role="reviewer", tools=(BOARD_READ,)),
    _agent("writer", role="writer", skills=("writing",)),
    _agent(
        "talker",
        tools=(HAND_TO_PERSON, "look"),
        conversation=ConversationPolicy(on_failure="person"),
    ),
)
PLANNER = _agent("planner", role="planner")


def crew_of(chance: random.Random) -> tuple[AgentVersion, ...]:
    """With a planner, who in some lives asks people about its plans, or asks others first."""
    draw = chance.random()
    if draw < 0.15:
        return (*CREW, replace(PLANNER, planning=Planning(approval=SOON)))
    if draw < 0.3:
        return (*CREW, replace(PLANNER, planning=Planning(order=("case", "model"))))
    return (*CREW, PLANNER)


def team_order(chance: random.Random, n: int) -> NewRun:
    made = chance.choices(tuple(_ORDERS), weights=tuple(_ORDERS.values()))[0](chance, n)
    deadline = chance.choice([None, None, None, None, 12.0])
    budget = chance.choice([None, None, 600, 1500, 4000])
    return replace(made, deadline_seconds=deadline, budget_micros=budget)


def _planned(chance: random.Random, n: int) -> NewRun:
    return NewRun(goal=f"find out {chance.choice(['hard ', '', ''])}things {n}")


def _delegated(chance: random.Random, n: int) -> NewRun:
    return NewRun(goal=f"lead {n}", agent=chance.choice(["boss", "boss", "chief"]))


def _guarded(chance: random.Random, n: int) -> NewRun:
    told = chance.choice(["", "", " to bob@example.org", " hushed"])
    return NewRun(goal=f"guard {n}{told}", agent="warden")


def _cascaded(chance: random.Random, n: int) -> NewRun:
    return NewRun(goal=f"count {n}", agent=chance.choice(["counter", "sifter"]))


def _voted(chance: random.Random, n: int) -> NewRun:
    names = [f"v{number}" for number in range(chance.randint(2, 3))]
    asked = [
        PlanTask(id=name, objective="vote", agent=chance.choice(["deputy", "writer"]), criteria=())
        for name in names
    ]
    vote = VoteSpec(quorum=chance.choice([None, 2]), judge=chance.choice(["", "chooser", "chooser"]))
    count = PlanTask(id="count", objective="", needs=tuple(names), vote=vote, criteria=())
    return NewRun(goal=f"vote {n}", plan=(*asked, count))


def _reviewed(chance: random.Random, n: int) -> NewRun:
    draft = PlanTask(id="draft", objective="draft", agent="scout", criteria=())
    between = PlanTask(id="polish", objective="polish", agent="deputy", needs=("draft",), criteria=())
    rounds = RepeatSpec(
        task="draft", rounds=chance.randint(1, 3), on_exhausted=chance.choice(["fail", "accept"])
    )
    middle = (between,) if chance.random() < 0.5 else ()
    last = middle[0].id if middle else "draft"
    gate = PlanTask(
        id="gate", objective="review", agent="reviewer", needs=(last,), repeat=rounds, criteria=()
    )
    return NewRun(goal=f"review {n}", plan=(draft, *middle, gate))


def _shared(chance: random.Random, n: int) -> NewRun:
    """Notes on one board, and what agents of a given plan propose in vain."""
    tasks = tuple(
        PlanTask(id=f"b{number}", objective="share", agent="scout", criteria=())
        for number in range(chance.randint(1, 3))
    )
    end = PlanTask(
        id="end", objective="share", agent="reviewer", needs=tuple(one.id for one in tasks), criteria=()
    )
    return NewRun(goal=f"share {n}", plan=(*tasks, end))


_ORDERS: dict[Callable[[random.Random, int], NewRun], int] = {
    _planned: 5,
    _delegated: 4,
    _guarded: 2,
    _cascaded: 2,
    _voted: 3,
    _reviewed: 3,
    _shared: 1,
}
