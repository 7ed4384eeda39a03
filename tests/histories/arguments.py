"""A story of what guardrails find in the arguments of tool calls."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
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


def _wishes(player: Player, *texts: str) -> None:
    calls = tuple(ToolCall(id="", name="send", arguments={"text": text}) for text in texts)
    player.say("think", ModelReply(text="", tool_calls=calls))


def _decides(player: Player, decision: Any) -> None:
    (approval_id, asked) = next(iter(player.state.approvals.items()))
    player.fact(
        ev.ApprovalDecided(approval_id=approval_id, decision=decision, by="usr_1", at=AT, name="eva",
                           arguments=asked.arguments, arguments_hash=asked.arguments_hash)
    )  # fmt: skip
