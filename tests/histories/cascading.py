"""Stories of agents with cheap models before a strong one."""

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.cascades import Cascade
from flowmatik.contracts.criteria import Policy
from flowmatik.contracts.models import ModelReply, ToolCall, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from tests.histories.playing import AT, Player

TOOLS = {"look": ev.PinnedTool(effect=Effect.READ, timeout=5.0)}
PAIR = AgentVersion(
    name="pair", version="7" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",),
    tools=("look",), cascade=Cascade(models=("custom/a", "custom/b"), strong="custom/big"),
)  # fmt: skip
LONE = AgentVersion(
    name="lone", version="8" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",),
    criteria=(Policy(check="policy", forbid=("guaranteed",)),),
    cascade=Cascade(models=("custom/a",), strong="custom/big", verify=True),
)  # fmt: skip


def new(version: int, agent: AgentVersion) -> ev.RunCreated:
    return ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="Write.", created_at=AT, model="custom/m", tools=TOOLS,
        plan=(PlanTask(id="a", objective="write", skill="letters"),), agents=(agent,),
        decision_version=version,
    )  # fmt: skip


def wish(model: str = "custom/a", q: str = "who") -> ModelReply:
    calls = (ToolCall(id="", name="look", arguments={"q": q}),)
    usage = Usage(input_tokens=10, output_tokens=5)
    return ModelReply(text="", tool_calls=calls, usage=usage, cost_micros=2, model=model, finish="tool_calls")


def said(player: Player, reply: ModelReply | str, instead: int | None = 20) -> None:
    """By the next cheap model, with what the strong one would have cost."""
    if isinstance(reply, str):
        reply = ModelReply(text=reply, usage=Usage(input_tokens=10, output_tokens=5), cost_micros=2)
    call = player.open("draft")
    player.fact(ev.CallSucceeded(call_id=call.call_id, reply=reply, cost_micros=2, instead_micros=instead))


def agreeing(version: int) -> Player:
    """A tool call that both wish for, after one of them was lost; then the strong model, for they differ."""
    player = Player(new(version, PAIR), priced=20)
    if player.state.open and player.open().purpose == "think":
        player.say("think", "It is Ana.")
        return player
    said(player, wish())
    player.fail("draft", "call.lost")
    said(player, wish("custom/b"))
    player.succeed("tool", {"rows": [1]})
    said(player, "It is Ana.")
    said(player, "It is Eva.")
    player.say("think", "It is Ana.", cost=15)
    return player


def lacking(version: int) -> Player:
    """One is too dear for the task, the other one fails; the strong model has the word."""
    player = Player(new(version, PAIR), priced=20)
    if player.open().purpose == "think":
        player.say("think", "It is Ana.")
        return player
    player.fail("draft", "model.unavailable", cost=1)
    player.refuse_next(of_task=True)
    player.fail("draft", "call.lost")
    player.say("think", "It is Ana.", cost=15)
    return player


def verified(version: int) -> Player:
    """What a cheap model says is not verified: the strong one tries again."""
    player = Player(new(version, LONE), priced=20)
    player.say("think", "It is guaranteed.", cost=2)
    if not player.state.ended:
        player.say("think", "It is so.", cost=15)
    return player
