"""Stories of results that are checked by criteria, and of what guardrails find."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.criteria import (
    Arithmetic,
    CitationsSupport,
    Claim,
    Judge,
    Policy,
    SchemaFits,
    ToolEvidence,
)
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.guards.guarding import tripped
from flowmatik.kernel import canonical
from tests.histories.playing import AT, Player

TOOLS = {
    "citations_check": ev.PinnedTool(effect=Effect.READ, timeout=5.0),
    "look": ev.PinnedTool(effect=Effect.READ, timeout=5.0),
    "send": ev.PinnedTool(effect=Effect.ONCE, timeout=5.0),
}
CLERK = AgentVersion(
    name="clerk", version="4" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",),
    tools=("look", "send"),
    criteria=(
        Arithmetic(check="arithmetic"),
        ToolEvidence(check="tool_evidence", claims=(Claim(action="sent", tools=("send",)),)),
        Policy(check="policy", forbid=("guaranteed",), optional=True),
        Judge(check="judge", rubric="It is polite.", model="custom/judge"),
    ),
)  # fmt: skip
GUARDED = AgentVersion(
    name="guarded", version="5" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",),
    tools=("look", "send"),
    guardrails=(
        Guardrail(check="pii", on="both", on_fail="fix"),
        Guardrail(check="secrets", on="input", on_fail="retry"),
        Guardrail(check="toxicity", on="output", on_fail="retry"),
        Guardrail(check="topic", on="input", on_fail="refuse", words=("weapons",)),
        Guardrail(check="topic", on_fail="escalate", words=("merger",)),
    ),
)  # fmt: skip
FINDING: dict[str, Any] = {"found": True, "text": "Ana signs for 20 EUR [1]. Eva Luna pays [1].",
                           "citations": [
    {"n": 1, "passage_id": "p", "quote": "Ana signs for 20 EUR"}]}  # fmt: skip
LOCATED: dict[str, Any] = {
    "passed": True,
    "checks": [["schema", True, "fits", "schema.fits", {}]],
    "citations": [{**FINDING["citations"][0], "source": "a.md", "lines": [1, 1]}],
}


def new(version: int, *plan: PlanTask, goal: str = "Write.", agent: AgentVersion = CLERK) -> ev.RunCreated:
    return ev.RunCreated(
        run_id="run_1", workspace_id="w", goal=goal, created_at=AT, model="custom/m", tools=TOOLS, plan=plan,
        agent="" if plan else agent.name, agents=(agent,), decision_version=version,
    )  # fmt: skip


def verdict(passed: bool, score: float = 1.0) -> str:
    return canonical.dumps({"passed": passed, "score": score, "reason": "as it is"})


def criteria(version: int) -> Player:
    """What was never sent, a wrong sum, a judge that says nonsense; then a sound answer."""
    task = PlanTask(id="a", objective="write", skill="letters")
    player = Player(new(version, task), priced=20)
    player.say("think", "I have sent it. It is guaranteed: 2 + 2 = 4.")
    if not player.state.ended:
        player.say("think", "It makes 20 + 5 = 25.")
        player.fail("judge", "call.lost")
        player.say("judge", "certainly!")
    return player


def judged(version: int) -> Player:
    """Sent indeed, and the judge agrees the second time."""
    player = Player(new(version), priced=20)
    player.say("think", ModelReply(text="", tool_calls=(ToolCall(id="", name="send", arguments={}),)))
    player.succeed("tool", {"sent": True})
    player.say("think", "I have sent it.")
    if not player.state.ended:
        player.say("judge", verdict(True))
    return player


def supported(version: int) -> Player:
    """A sentence that its passage does not support is left out."""
    tasks = (
        PlanTask(
            id="a",
            objective="write",
            skill="letters",
            checks=(
                CitationsSupport(check="citations", unsupported="drop"),
                SchemaFits(check="schema", schema={"required": ["found"]}),
            ),
        ),
    )
    reader = {"type": "object", "required": ["found", "text", "citations"]}
    agent = AgentVersion(
        name="reader", version="6" * 12, role="reader", summary="", instructions="Read.",
        skills=("letters",), output_schema=reader,
    )  # fmt: skip
    player = Player(new(version, *tasks, agent=agent), priced=20)
    player.say("think", canonical.dumps(FINDING))
    player.succeed("verify", LOCATED)
    return player


def _looks(player: Player, result: dict[str, Any]) -> None:
    """As the engine records a result: guardrails see it before."""
    player.say("think", ModelReply(text="", tool_calls=(ToolCall(id="", name="look", arguments={}),)))
    trip = tripped(GUARDED.guardrails, "input", result)
    if trip is None or player.state.created.decision_version < 6:
        player.succeed("tool", result)
        return
    kept = {"withheld": True} if trip.action in ("refuse", "retry") else trip.fixed
    call = player.open("tool")
    player.fact(ev.CallSucceeded(call_id=call.call_id, result=kept, guarded=trip.findings))


def guardrails(version: int) -> Player:
    """Fixed in the prompt, in a result and in the answer; withheld; people let one pass; then an insult."""
    player = Player(new(version, goal="Write to ana@example.org.", agent=GUARDED), priced=20)
    _looks(player, {"rows": [{"phone": "+34 612 345 678"}]})
    _looks(player, {"key": "AKIAIOSFODNN7EXAMPLE"})
    _looks(player, {"note": "the merger is on"})
    if player.state.approvals:
        _decide(player, "approve")
    _looks(player, {"note": "the other merger is off"})
    if player.state.approvals:
        _decide(player, "deny")
    player.say("think", "Write to ana@example.org, of the merger.")
    if player.state.approvals:
        _decide(player, "approve")
    return player


def refused_prompt(version: int) -> Player:
    player = Player(new(version, goal="Buy weapons.", agent=GUARDED), priced=20)
    if not player.state.ended:
        player.say("think", "No.")
    return player


def insulted(version: int) -> Player:
    """Told to write it again, and people do not let the second one pass."""
    task = PlanTask(id="a", objective="write", skill="letters")
    player = Player(new(version, task, agent=GUARDED), priced=20)
    player.say("think", "You idiot.")
    if not player.state.ended:
        player.say("think", "Of the merger.")
        _decide(player, "deny")
    return player


def _decide(player: Player, decision: Any) -> None:
    (approval_id, asked) = next(iter(player.state.approvals.items()))
    player.fact(
        ev.ApprovalDecided(approval_id=approval_id, decision=decision, by="usr_1", at=AT, name="eva",
                           arguments=asked.arguments, arguments_hash=asked.arguments_hash)
    )  # fmt: skip
