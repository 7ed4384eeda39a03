"""Stories of plans that change while they run, and of agents that work together."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.criteria import Judge, Policy
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask, RepeatSpec, VoteSpec
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.kernel import canonical
from tests.histories.playing import AT, Player

FOUND = {"found": True, "text": "Ana signs.", "citations": list[Any]()}
TEAM = ("ask_agent", "board_read", "board_write", "hand_over", "propose_tasks")
TOOLS = {name: ev.PinnedTool(effect=Effect.READ, timeout=5.0) for name in ("memory_search", *TEAM)}


def agent(name: str, *skills: str, **more: Any) -> AgentVersion:
    return AgentVersion(
        name=name, version="0" * 12, role="worker", summary="", instructions=f"You are {name}.",
        skills=skills, **more,
    )  # fmt: skip


READER = agent("reader", "documents", tools=("propose_tasks",))
WRITER = agent("writer", "writing")
OTHER = agent("other", "documents")
JUDGE = agent("judge")


def new(version: int, *agents: AgentVersion, **more: Any) -> ev.RunCreated:
    known: dict[str, Any] = {"tools": TOOLS, "model": "local/extractive", "goal": "Who signs?"}
    return ev.RunCreated(run_id="run_1", workspace_id="w", created_at=AT, agents=agents,
                         decision_version=version, **{**known, **more})  # fmt: skip


def planned(version: int, *agents: AgentVersion, **more: Any) -> Player:
    """By a planner, after nothing was recalled."""
    player = Player(new(version, *agents, **more), priced=20)
    player.succeed("recall", {"passages": []})
    if player.state.recall_asked >= {"recall_tables"}:
        player.succeed("recall_tables", {"tables": []})
    return player


def wish(name: str, **arguments: Any) -> ModelReply:
    return ModelReply(text="", tool_calls=(ToolCall(id="", name=name, arguments=arguments),))


def fails_twice(player: Player) -> None:
    """Its model is away for the first task that thinks."""
    task_id = player.open("think").task_id
    for _ in range(2):
        call = next(c for c in player.state.open.values() if c.task_id == task_id)
        player.fact(ev.CallFailed(call_id=call.call_id, code="model.rejected", message="it said no"))


def another_agent_tries(version: int) -> Player:
    player = planned(version, READER, OTHER)
    fails_twice(player)
    if not player.state.ended:
        player.say("think", "Ana signs.")
    return player


def the_model_plans_again(version: int) -> Player:
    """Its first reply cannot be used; of two parts one is left out in the end, and the answer says so."""
    player = planned(version, READER, WRITER, model="custom/m", language="es")
    rows: list[dict[str, Any]] = [
        {"id": n, "objective": f"find {n}", "skill": "documents", "needs": []} for n in ("a", "b")
    ]
    player.say("plan", canonical.dumps({"reason": "two", "tasks": rows}))
    fails_twice(player)
    player.say("think", "Ana signs.")
    player.say("replan", "no JSON")
    again = {"id": "x", "objective": "find it elsewhere", "skill": "documents", "needs": ["b"]}
    player.say("replan", canonical.dumps({"reason": "elsewhere", "tasks": [again]}))
    if not player.state.ended:
        fails_twice(player)
        player.say("replan", canonical.dumps({"reason": "nothing helps", "tasks": list[Any]()}))
    if not player.state.ended:
        player.say("think", "Ana signs.")
    return player


def a_task_proposes(version: int) -> Player:
    player = planned(version, READER)
    player.say("think", wish("propose_tasks", tasks=[{"objective": "x", "skill": "painting"}]))
    player.say("think", wish("propose_tasks", tasks=[{"objective": "who pays", "skill": "documents"}]))
    player.say("think", "Ana signs.")
    player.say("think", "Ben pays.")
    return player


def little_is_left(version: int) -> Player:
    player = planned(version, READER, goal="Who signs? Who pays?", budget_micros=25)
    player.say("think", "Ana signs.", cost=20)
    if not player.state.ended:
        player.refuse_next(of_task=False)
        player.say("think", wish("propose_tasks", tasks=[{"objective": "x", "skill": "documents"}]), cost=5)
    return player


def fewer_checks(version: int) -> Player:
    """What the first task took is more than is left: the second is judged by what is not optional alone."""
    rubrics = {"It is polite.": True, "It is true.": False}
    judges = [Judge(check="judge", rubric=text, optional=may) for text, may in rubrics.items()]
    manners = Policy(check="policy", forbid=("guaranteed",), optional=True)
    strict = agent("reader", "documents", criteria=(manners, *judges))
    player = planned(version, strict, model="custom/m", budget_micros=100)
    rows = [
        {"id": name, "objective": f"find {name}", "skill": "documents", "needs": needs}
        for name, needs in (("a", []), ("b", ["a"]))
    ]
    player.say("plan", canonical.dumps({"reason": "two", "tasks": rows}))
    for cost in (60, 5):
        player.say("think", "It is guaranteed that Ana signs.", cost=cost)
        while any(call.purpose == "judge" for call in player.state.open.values()):
            player.say("judge", canonical.dumps({"passed": True, "score": 1.0, "reason": "It is."}))
    return player


def votes(version: int) -> Player:
    plan = (
        *(PlanTask(id=n, objective="who signs", agent="reader", criteria=()) for n in ("a", "b", "c")),
        PlanTask(id="agree", objective="", needs=("a", "b"), vote=VoteSpec()),
        PlanTask(id="differ", objective="", needs=("a", "c"), vote=VoteSpec(judge="judge")),
    )
    player = Player(new(version, READER, JUDGE, plan=plan))
    for text in ("Ana.", " ana", "Ben", "nonsense", '{"choice": "c"}'):
        player.say("think", text)
    return player


def rounds(version: int) -> Player:
    plan = (
        PlanTask(id="draft", objective="write it", agent="reader", criteria=()),
        PlanTask(id="review", objective="read it", agent="judge", criteria=(), needs=("draft",),
                 repeat=RepeatSpec(task="draft", rounds=2, on_exhausted="accept")),
    )  # fmt: skip
    player = Player(new(version, READER, JUDGE, plan=plan))
    verdict = canonical.dumps({"approved": False, "why": "too long"})
    for text in ("A draft.", verdict, "A shorter draft.", verdict):
        player.say("think", text)
    return player


def a_team(version: int) -> Player:
    """One asks another, leaves a note, and hands over."""
    host = agent("host", "talk", tools=TEAM, delegates=("reader",), hand_over_to=("other",))
    guest = agent("other", "documents", tools=("board_read", "hand_over"), hand_over_to=("host",))
    player = Player(new(version, host, guest, READER, agent="host"))
    player.say("think", wish("ask_agent", agent="reader", goal="who signs"))
    [(sub_id, sub)] = player.state.subs.items()
    answer = {"answer": "Ana", "found": True, "citations": list[Any]()}
    player.fact(ev.SubRunEnded(sub_id=sub_id, child_id=sub.child_id, status="succeeded", result=answer))
    player.say("think", wish("board_write", key="who", value="Ana"))
    player.say("think", wish("hand_over", agent="other", note="say it nicely"))
    player.say("think", wish("board_read"))
    player.say("think", wish("hand_over", agent="host"))
    player.say("think", "Ana signs.")
    return player
