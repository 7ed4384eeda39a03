"""A task that nobody fits, and the agent that was composed for it."""

from dataclasses import asdict
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from tests.histories.playing import AT, Player

READER = AgentVersion(
    name="reader", version="0" * 12, role="researcher", summary="", instructions="Read.",
    skills=("documents",), tools=("look", "send"),
)  # fmt: skip
MADE = AgentVersion(
    name="made-for-poems", version="a" * 12, role="specialist", summary="", instructions="Write poems.",
    skills=("poems",), tools=("look", "send", "fly"), budget_micros=50,
)  # fmt: skip
EFFECTS = (("look", Effect.READ), ("send", Effect.ONCE))
TOOLS = {name: ev.PinnedTool(effect=effect, timeout=5.0) for name, effect in EFFECTS}
# As the advisers of these versions said it: agents had no `memory` yet.
AGENT = {name: value for name, value in asdict(MADE).items() if name != "memory"}
SAID: dict[str, Any] = {
    "agent": AGENT, "profile": "kind: Agent\n", "template": "specialist@" + "b" * 12,
    "parameters": {"skill": "poems"}, "why": "no agent has the skill 'poems'",
}  # fmt: skip


def composed(version: int, said: dict[str, Any] = SAID) -> Player:
    plan = tuple(PlanTask(id=f"t{n}", objective="Write a poem.", skill="poems") for n in (1, 2))
    created = ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="Two poems", created_at=AT, decision_version=version,
        agents=(READER,), tools=TOOLS, model="local/extractive", advisers=("factory",), plan=plan,
    )  # fmt: skip
    player = Player(created, priced=20)
    player.succeed("compose", said)
    if player.state.ended or not player.state.composed:
        return player
    while not player.state.ended:
        player.say("think", "Roses are red.", cost=3)
    return player


def nobody_composed(version: int) -> Player:
    player = composed(version, {"declined": "the policy does not allow it"})
    if not player.state.ended:
        player.succeed("compose", {"agent": {"name": "half"}})
    return player
