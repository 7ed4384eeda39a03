"""Stories of what guardrails find in the arguments of tool calls."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.kernel import canonical
from tests.histories.checked import new
from tests.histories.playing import AT, Player

SENDER = AgentVersion(
    name="sender", version="7" * 12, role="clerk", summary="", instructions="Send.", skills=("letters",),
    tools=("send",),
    guardrails=(
        Guardrail(check="secrets", on=("input", "tool_arguments"), on_fail="retry"),
        Guardrail(check="topic", on="tool_arguments", on_fail="refuse", words=("weapons",)),
        Guardrail(check="topic", on=("tool_arguments",), on_fail="escalate", words=("merger",)),
    ),
)  # fmt: skip


def guarded_arguments(version: int) -> Player:
    """Told to call again, told to do without, called when people agree, and not when they do not."""
    task = PlanTask(id="a", objective="write", skill="letters", effect=Effect.ONCE)
    player = Player(new(version, task, agent=SENDER), priced=20)
    _wishes(player, "AKIAIOSFODNN7EXAMPLE")
    _wishes(player, "weapons")
    _wishes(player, "the merger is on")
    _decides(player, "approve")
    player.succeed("tool", {"sent": True})
    _wishes(player, "the merger is off", "hello")
    _decides(player, "deny")
    player.succeed("tool", {"sent": True})
    player.say("think", "It is done.")
    return player


PLANNER = AgentVersion(
    name="planner", version="8" * 12, role="planner", summary="", instructions="Plan.",
    guardrails=(
        Guardrail(check="pii", on=("input", "tool_arguments"), on_fail="fix"),
        Guardrail(check="topic", on="tool_arguments", on_fail="refuse", words=("weapons",)),
        Guardrail(check="topic", on="tool_arguments", on_fail="escalate", words=("merger",)),
    ),
)  # fmt: skip


def _step(name: str, text: str, *needs: str, **more: Any) -> PlanTask:
    return PlanTask(id=name, objective="", tool="send", effect=Effect.ONCE, needs=needs,
                    arguments={"text": text}, **more)  # fmt: skip


def guarded_steps(version: int) -> Player:
    """Steps of a plan: fixed, put to people who agree, agreed to with words of a person that are fixed, put
    to people who deny, and refused."""
    tasks = (
        _step("a", "write to ana@example.com"),
        _step("b", "the merger is on", "a"),
        _step("c", "hello", "b", approval=ApprovalPolicy()),
        _step("d", "the merger is off", "c"),
        _step("e", "weapons", "c"),
    )
    player = Player(replace(new(version, *tasks, agent=SENDER), agents=(SENDER, PLANNER)), priced=20)
    player.succeed("step", {"sent": True})
    if player.state.approvals:
        _decides(player, "approve")
    player.succeed("step", {"sent": True})
    _decides(player, "approve", text="the merger, says ben@example.com")
    player.succeed("step", {"sent": True})
    while player.state.approvals:
        _decides(player, "deny")
    while player.state.open:
        player.succeed("step", {"sent": True})
    return player


def edited_arguments(version: int) -> Player:
    """An agent's calls to which people agree in other words: these are refused, then fixed."""
    rails = (*PLANNER.guardrails[:2], *SENDER.guardrails[2:])
    sender = replace(SENDER, guardrails=rails, approvals={"send": ApprovalPolicy()})
    task = PlanTask(id="a", objective="write", skill="letters", effect=Effect.ONCE)
    player = Player(new(version, task, agent=sender), priced=20)
    _wishes(player, "hello")
    _decides(player, "approve", text="weapons")
    if any(call.purpose == "tool" for call in player.state.open.values()):
        player.succeed("tool", {"sent": True})
    _wishes(player, "hello")
    _decides(player, "approve", text="merger: ana@example.com")
    player.succeed("tool", {"sent": True})
    player.say("think", "It is done.")
    return player


def _wishes(player: Player, *texts: str) -> None:
    calls = tuple(ToolCall(id="", name="send", arguments={"text": text}) for text in texts)
    player.say("think", ModelReply(text="", tool_calls=calls))


def _decides(player: Player, decision: Any, **edits: Any) -> None:
    (approval_id, asked) = next(iter(player.state.approvals.items()))
    arguments = {**asked.arguments, **edits}
    player.fact(
        ev.ApprovalDecided(approval_id=approval_id, decision=decision, by="usr_1", at=AT, name="eva",
                           arguments=arguments, arguments_hash=canonical.content_hash(arguments))
    )  # fmt: skip


def guarded_undoing(version: int) -> Player:
    """Four steps are taken back: with what was hidden in the plan's words, as people agree, not as they do
    not, and as they agree, for what is to be hidden names what was done."""
    undone = {
        "d": {"text": {"$result": "id"}},
        "c": {"text": "weapons are off"},
        "b": {"text": "the merger is off"},
        "a": {"text": "sorry, ana@example.com"},
    }
    steps = [
        _step(
            name, "hello", *("dcba"[n - 1 : n]), compensation=Compensation(tool="send", arguments=arguments)
        )
        for n, (name, arguments) in enumerate(undone.items())
    ]
    player = Player(new(version, *steps, _step("last", "hello", "a"), agent=PLANNER), priced=20)
    for _ in undone:
        player.succeed("step", {"id": "ana@example.com"})
    player.fail("step", "tool.failed")
    player.succeed("compensate", {"undone": True})
    for verdict in ("approve", "deny", "approve"):
        if player.state.approvals:
            _decides(player, verdict)
        if player.state.open:
            player.succeed("compensate", {"undone": True})
    return player
