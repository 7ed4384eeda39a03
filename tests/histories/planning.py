"""How runs get their plans: from playbooks, from plans that worked before, and by people's leave."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion, Planning
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.plan_approvals import arguments_of
from flowmatik.kernel import canonical
from tests.histories.playing import AT, Player

READER = AgentVersion(
    name="reader", version="0" * 12, role="researcher", summary="", instructions="Read.",
    skills=("documents",), tools=("memory_search",), output_schema={"type": "object"},
)  # fmt: skip
POET = AgentVersion(name="poet", version="2" * 12, role="writer", summary="", instructions="Write.",
                    skills=("writing",), output_schema={"type": "object"})  # fmt: skip
PLANNER = AgentVersion(name="planner", version="3" * 12, role="planner", summary="", instructions="Plan.")
TOOLS = {
    name: ev.PinnedTool(effect=Effect.READ, timeout=5.0)
    for name in ("citations_check", "memory_search", "tables_describe")
}
FOUND: dict[str, Any] = {"found": True, "text": "Ana signs [1].", "citations": [
    {"n": 1, "passage_id": "p", "quote": "Ana signs", "source": "a.md", "lines": [1, 2]}]}  # fmt: skip
ADVISERS = ("cases", "playbooks")
LOOK: dict[str, Any] = {"id": "look", "objective": "Who signs?", "skill": "documents"}
MORE: dict[str, Any] = {
    "id": "more",
    "objective": "Who else?",
    "skill": "documents",
    "needs": ["look"],
    "when": [{"task": "look", "path": "found", "test": "equals", "value": False}],
    "otherwise": "continue",
}
LAST: dict[str, Any] = {"id": "last", "objective": "", "skill": "writing", "needs": ["look", "more"]}


def new(version: int, goal: str = "Who signs?", **more: Any) -> Player:
    known: dict[str, Any] = {"agents": (POET, READER), "tools": TOOLS, "model": "local/extractive"}
    created = ev.RunCreated(run_id="run_1", workspace_id="w", goal=goal, created_at=AT,
                            decision_version=version, **{**known, **more})  # fmt: skip
    return Player(created, priced=20)


def answered(player: Player) -> None:
    player.say("think", canonical.dumps(FOUND), cost=12)
    player.succeed("verify", {"passed": True, "checks": [["citations", True, "1 citations"]]})


def by_a_playbook(version: int) -> Player:
    player = new(version, advisers=ADVISERS)
    said = {"playbook": "signers@0123456789ab", "parameters": {"deep": False}, "tasks": [LOOK, MORE, LAST]}
    player.succeed("plan", said)
    answered(player)
    answered(player)
    return player


def by_a_case(version: int) -> Player:
    player = new(version, "Who signs for Cork?", advisers=ADVISERS)
    player.succeed("plan", {"playbook": ""})
    task = {**LOOK, "objective": "Who signs for Zaragoza?"}
    case = {"case": "case_1", "goal": "Who signs for Zaragoza?", "tasks": [task], "similarity": 0.8}
    player.succeed("plan", {"cases": [{**case, "goal": "Who paid for Zaragoza?"}, case]})
    answered(player)
    return player


def chosen_by_people(version: int) -> Player:
    """The first plan cannot run, the second is put to people, and somebody changes it."""
    planning = Planning(order=("model",), approval=ApprovalPolicy(expires_seconds=60.0))
    agents = (replace(PLANNER, planning=planning), POET, READER)
    player = new(version, model="custom/m", agents=agents)
    player.succeed("recall", {"passages": []})
    player.succeed("recall_tables", {"tables": []})
    first: dict[str, Any] = {**LOOK, "skill": "painting", "needs": []}
    other: dict[str, Any] = {"reason": "shorter", "tasks": [{**LOOK, "needs": []}]}
    reply: dict[str, Any] = {"reason": "as asked", "tasks": [first], "alternatives": [other]}
    player.say("plan", canonical.dumps(reply), cost=5)
    (asked,) = player.state.approvals.values()
    assert player.state.proposed is not None
    (task,) = player.state.proposed.tasks
    arguments = arguments_of((replace(task, objective="Who signs for Cork?"),))
    player.fact(
        ev.ApprovalDecided(
            approval_id=asked.request.approval_id, decision="approve", by="usr_1", at=AT, name="Ana",
            arguments=arguments, arguments_hash=canonical.content_hash(arguments),
        )
    )  # fmt: skip
    answered(player)
    return player


def nobody_plans(version: int) -> Player:
    planning = Planning(order=("playbook", "case"))
    agents = (replace(PLANNER, planning=planning), READER)
    player = new(version, agents=agents, advisers=("playbooks",))
    player.fail("plan", "unavailable.journal", said="away")
    return player
