"""What golden histories tell: each story may be played under every decision version, and takes what that
version decides."""

from collections.abc import Callable, Iterator
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.kernel import canonical
from tests.histories import (
    adapting,
    arguments,
    cascading,
    checked,
    conversing,
    factory,
    planning,
    routed,
    steered,
)
from tests.histories.playing import AT, LATER, Player

SCHEMA = {"type": "object", "required": ["found", "text"], "properties": {"found": {"type": "boolean"}}}
READER = AgentVersion(
    name="reader", version="0" * 12, role="researcher", summary="", instructions="Read.",
    skills=("documents",), tools=("memory_search",), output_schema=SCHEMA,
)  # fmt: skip
COUNTER = AgentVersion(
    name="counter", version="1" * 12, role="analyst", summary="", instructions="Count.", skills=("tables",),
    tools=("tables_describe", "calculate", "send"), output_schema=SCHEMA,
)  # fmt: skip
POET = AgentVersion(name="poet", version="2" * 12, role="writer", summary="", instructions="Write.",
                    skills=("writing",), budget_micros=50)  # fmt: skip
PLANNER = AgentVersion(name="planner", version="3" * 12, role="planner", summary="", instructions="Plan.")
TOOLS = {
    name: ev.PinnedTool(effect=effect, timeout=5.0)
    for name, effect in {
        "calculate": Effect.READ, "citations_check": Effect.READ, "memory_search": Effect.READ,
        "put": Effect.IDEMPOTENT, "send": Effect.ONCE, "tables_describe": Effect.READ,
    }.items()
}  # fmt: skip
PASSAGES = {"passages": [{"source": "a.md", "title": "A", "heading": "", "lines": [1, 2], "score": 0.5}]}
TABLES = {"tables": [{"name": "visits.csv", "columns": [{"name": "guest"}, {"name": "amount"}]}]}
FOUND: dict[str, Any] = {"found": True, "text": "Ana signs [1].", "citations": [
    {"n": 1, "passage_id": "p", "quote": "Ana signs", "source": "a.md", "lines": [1, 2]}]}  # fmt: skip
LOST: dict[str, Any] = {"found": False, "text": "It is not there.", "citations": []}
GOOD = {"passed": True, "checks": [["citations", True, "1 citations"]]}
BAD = {"passed": False, "checks": [["citations", False, "the quote is not there"]]}


def new(version: int, goal: str = "Who signs?", **more: Any) -> ev.RunCreated:
    known: dict[str, Any] = {"agents": (COUNTER, POET, READER), "tools": TOOLS, "model": "local/extractive"}
    return ev.RunCreated(run_id="run_1", workspace_id="w", goal=goal, created_at=AT, decision_version=version,
                         **{**known, **more})  # fmt: skip


def begun(version: int, goal: str = "Who signs?", **more: Any) -> Player:
    """After what the goal recalls."""
    player = Player(new(version, goal, **more), priced=20)
    player.succeed("recall", PASSAGES)
    player.succeed("recall_tables", TABLES)
    return player


def answered(player: Player, answer: dict[str, Any] = FOUND, verdict: dict[str, Any] = GOOD) -> None:
    player.say("think", canonical.dumps(answer), cost=12)
    player.succeed("verify", verdict)


def wish(*names: str) -> ModelReply:
    calls = tuple(ToolCall(id="", name=name, arguments={"q": "who"}) for name in names)
    return ModelReply(text="", tool_calls=calls)


def plan_of(*rows: tuple[str, str, list[str]]) -> str:
    tasks = [{"id": name, "objective": "look", "skill": skill, "needs": needs} for name, skill, needs in rows]
    return canonical.dumps({"reason": "as asked", "tasks": tasks})


def planned_by_a_model(version: int) -> Player:
    player = begun(version, model="custom/m", agents=(COUNTER, PLANNER, POET, READER), language="es")
    player.say("plan", "no plan", cost=5)
    rows: tuple[tuple[str, str, list[str]], ...] = (
        ("w", "writing", ["b", "a"]),
        ("b", "tables", []),
        ("a", "documents", []),
    )
    player.say("plan", plan_of(*rows), cost=5)
    player.say("think", wish("tables_describe", "send", "unheard-of"))  # of b, and so on in turn
    player.succeed("tool", TABLES)
    player.say("think", wish("memory_search"))
    player.fail("tool", "tool.failed", said="it broke")
    answered(player, verdict=BAD)
    for _ in range(2):
        answered(player)
    player.say("think", "Ana signs [1].", cost=3)
    return player


def planned_here(version: int) -> Player:
    player = begun(version, "Who signs? And which visit was the longest?")
    for _ in range(2):
        answered(player)
    if not player.state.ended:
        player.say("think", canonical.dumps(FOUND))
    return player


def from_the_tables(version: int) -> Player:
    player = begun(version, "How many visits are there?")
    answered(player, LOST)
    answered(player)
    return player


def arithmetic(version: int) -> Player:
    player = begun(version, "What is 12 * 7?")
    if player.state.tasks["t1"].spec.skill == "tables":
        player.say("think", wish("calculate"))
        player.succeed("tool", {"result": 84})
    answered(player)
    return player


def a_ranking(version: int) -> Player:
    player = begun(version, "Which guest spent the most?")
    answered(player)
    return player


def one_agent(version: int) -> Player:
    player = Player(new(version, agent="reader", agents=(READER,), traceparent="00-1-2-01"), priced=20)
    player.say("think", "no JSON")
    answered(player, {**FOUND, "found": False})
    return player


def out_of_money(version: int) -> Player:
    player = begun(version, "Who signs? And who pays?", budget_micros=30)
    player.refuse_next(of_task=False)
    answered(player, verdict=BAD)
    if not player.state.ended:
        player.fail("think", "call.aborted")
    return player


def a_task_out_of_money(version: int) -> Player:
    tasks = (
        PlanTask(id="a", objective="look", skill="documents"),
        PlanTask(id="w", objective="", skill="writing", needs=("a",)),
    )
    player = Player(new(version, plan=tasks), priced=20)
    player.refuse_next(of_task=True)
    answered(player)
    return player


def steps(*rows: tuple[str, str, tuple[str, ...]]) -> tuple[PlanTask, ...]:
    return tuple(
        PlanTask(id=name, objective="", tool=tool, arguments={"n": name}, needs=needs, effect=Effect.ONCE)
        for name, tool, needs in rows
    )


def doubts(version: int) -> Player:
    player = Player(new(version, plan=steps(("a", "send", ()), ("b", "send", ("a",)), ("c", "put", ("b",)))))
    player.doubt("step")
    player.fact(ev.RunClaimed(epoch=2, owner="wkr_2"))
    player.resolve("step", "repeat")
    player.doubt("step")
    player.resolve("step", "done")
    player.fact(ev.CallPostponed(call_id=player.open().call_id, at=LATER, start_by=LATER))
    player.doubt("step")
    player.resolve("step", "failed")
    return player


def skipped(version: int) -> Player:
    player = Player(new(version, plan=steps(("a", "put", ()), ("b", "send", ("a",)), ("c", "send", ()))))
    player.fail("step", "tool.failed", said="no")
    player.succeed("step", {"sent": True})
    return player


def cancelled(version: int) -> Player:
    player = Player(new(version, plan=steps(("a", "send", ()), ("b", "send", ()))))
    player.doubt("step")
    player.fact(ev.CancelRequested(reason="enough"))
    call = list(player.state.open.values())[-1]
    player.fact(ev.CallFailed(call_id=call.call_id, code="call.aborted", message="the run was stopped"))
    return player


def too_late(version: int) -> Player:
    player = begun(version, deadline_at=LATER)
    player.fact(ev.DeadlinePassed(deadline_at=LATER))
    player.fail("think", "call.aborted", cost=20)
    return player


def no_plan(version: int) -> Player:
    player = begun(version, model="custom/m")
    for _ in range(3):
        player.say("plan", plan_of(("a", "painting", [])))
    answered(player)
    return player


def a_planner_that_fails(version: int) -> Player:
    player = begun(version, model="custom/m")
    player.fail("plan", "model.malformed", said="it failed")
    answered(player)
    return player


def a_planner_without_a_key(version: int) -> Player:
    player = begun(version, model="custom/m")
    player.fail("plan", "model.key", model="custom/m")
    if not player.state.ended:
        answered(player)
    return player


def a_task_without_an_id(version: int) -> Player:
    player = begun(version, model="custom/m")
    player.say("plan", plan_of(("", "documents", [])))
    if player.state.plan_open:
        player.say("plan", plan_of(("a", "documents", [])))
    answered(player)
    return player


def cut_off(version: int) -> Player:
    player = Player(new(version, agent="poet", agents=(POET,), tools={}), priced=20)
    player.say("think", ModelReply(text="The pri", finish="length"))
    if not player.state.ended:
        player.say("think", "Ana.")
    return player


def a_model_that_is_away(version: int) -> Player:
    player = Player(new(version, agent="reader", agents=(READER,)), priced=20)
    player.fail("think", "call.lost", cost=20)
    for _ in range(2):
        player.fail("think", "model.unavailable", said="503")
    return player


def a_store_that_is_away(version: int) -> Player:
    player = Player(new(version, agent="reader", agents=(READER,)), priced=20)
    player.say("think", wish("memory_search"))
    player.fail("tool", "unavailable.memory", path="m.db")
    if not player.state.ended:
        answered(player)
    return player


def nothing_to_recall_from(version: int) -> Player:
    player = Player(new(version), priced=20)
    player.fail("recall", "unavailable.memory", path="m.db")
    player.succeed("recall_tables", TABLES)
    if not player.state.ended:
        answered(player)
    return player


def several_ends(version: int) -> Player:
    tasks = (
        PlanTask(id="w", objective="", skill="writing", needs=("a",)),
        PlanTask(id="a", objective="look", skill="documents"),
        PlanTask(id="b", objective="look", skill="documents", agent="reader"),
    )
    player = Player(new(version, plan=tasks), priced=20)
    answered(player)
    player.say("think", canonical.dumps(FOUND))
    while not player.state.ended:
        call = player.open()
        if call.purpose == "verify":
            player.succeed("verify", GOOD)
        else:
            player.say("think", "Ana." if call.task_id == "w" else canonical.dumps(FOUND))
    return player


def money(version: int) -> Player:
    player = Player(new(version, agent="reader", agents=(READER,)), priced=20)
    player.fact(ev.AllotmentGranted(n=1, amounts={"agent:reader": 20, "workspace": 20}))
    player.fact(ev.RunClaimed(epoch=2, owner="wkr_2"))
    player.fact(ev.AllotmentCounted(held={"agent:reader": 20, "workspace": 20}))
    answered(player)
    return player


def no_agent_for_it(version: int) -> Player:
    return Player(new(version, agents=(), plan=(PlanTask(id="a", objective="paint", skill="painting"),)))


def gone_wrong(version: int) -> Player:
    """The engine itself gave the run up."""
    player = Player(new(version, plan=steps(("a", "send", ()))))
    player.doubt("step")
    fault = ev.RunFailed(at=AT, code="engine.fault", message="a fault", values={"kind": "ValueError"})
    player.fact(fault)
    return player


STORIES: dict[Callable[[int], Player], tuple[int, ...]] = {
    planned_by_a_model: (1, 5, 6),
    planned_here: (1,),
    from_the_tables: (2, 5),
    arithmetic: (3, 4),
    a_ranking: (3, 4),
    one_agent: (1, 5, 6, 7, 8),
    out_of_money: (1, 4),
    a_task_out_of_money: (3, 4),
    doubts: (1, 4, 5),
    skipped: (1, 5),
    cancelled: (2, 5),
    too_late: (1, 5),
    no_plan: (2, 3),
    a_planner_that_fails: (2, 3),
    a_planner_without_a_key: (2, 3),
    a_task_without_an_id: (3, 4),
    cut_off: (3, 4),
    a_model_that_is_away: (2, 4),
    a_store_that_is_away: (3, 5),
    nothing_to_recall_from: (3, 5),
    several_ends: (3, 4),
    money: (1, 5),
    no_agent_for_it: (1, 2),
    gone_wrong: (4, 5),
    steered.waits: (5,),
    steered.people_agree: (5,),
    steered.held_and_changed: (5,),
    steered.taken_back: (5,),
    steered.retried: (5,),
    steered.forked: (5,),
    steered.runs_within: (5,),
    routed.two_with_the_skill: (5, 6),
    routed.routed: (6,),
    routed.with_models: (5, 6),
    checked.criteria: (5, 6),
    checked.judged: (6,),
    checked.supported: (5, 6),
    checked.guardrails: (5, 6),
    checked.refused_prompt: (6,),
    checked.insulted: (6,),
    arguments.guarded_arguments: (6,),
    arguments.guarded_steps: (5, 6),
    arguments.edited_arguments: (5, 6),
    arguments.guarded_undoing: (6, 7),
    conversing.spoken_to: (6,),
    conversing.remembered_by_rule: (6,),
    conversing.nobody_remembers: (6,),
    conversing.no_summary: (6,),
    conversing.left_unheard: (6,),
    adapting.another_agent_tries: (5, 6),
    adapting.the_model_plans_again: (6,),
    adapting.a_task_proposes: (6,),
    adapting.little_is_left: (6,),
    adapting.fewer_checks: (7, 8),
    adapting.votes: (6,),
    adapting.rounds: (6,),
    adapting.a_team: (6,),
    planning.by_a_playbook: (6,),
    planning.by_a_case: (6,),
    planning.chosen_by_people: (6,),
    planning.nobody_plans: (6,),
    factory.composed: (6,),
    factory.nobody_composed: (6,),
    cascading.agreeing: (5, 6),
    cascading.lacking: (6,),
    cascading.verified: (6,),
}
"""Each story with the versions in which it is recorded, those on both sides of a change among them."""


def lines(version: int, story: Callable[[int], Player]) -> Iterator[str]:
    """The story as a file of events, in the shapes of its version."""
    for stored in story(version).stored():
        payload: dict[str, Any] = canonical.loads(stored.payload)
        if version == 1:
            payload = _of_version_one(stored.type, payload)
        yield canonical.dumps({"seq": stored.seq, "type": stored.type, "payload": payload})


def _of_version_one(type_: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Checks were rows of words, and there was one number for all caps."""
    for name in ("checks", "verified"):
        if name in payload:
            rows = payload[name]
            payload[name] = [[one["criterion"], one["passed"], one["detail"]] for one in rows]
    if type_ == "AllotmentGranted":
        return {"n": payload["n"], "amount_micros": max(payload["amounts"].values())}
    if type_ == "AllotmentCounted":
        return {"held_micros": max(payload["held"].values())}
    return payload
