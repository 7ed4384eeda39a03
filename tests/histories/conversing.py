"""Stories of runs of a conversation: what they remember of it, and what is said to them while they are on."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from tests.histories.playing import AT, Player

HELPER = AgentVersion(
    name="helper", version="4" * 12, role="support", summary="", instructions="Help.", tools=("look",),
)  # fmt: skip
TOOLS = {"look": ev.PinnedTool(effect=Effect.READ, timeout=5.0)}


def new(version: int, model: str = "custom/m", **more: Any) -> ev.RunCreated:
    known: dict[str, Any] = {"agents": (HELPER,), "agent": "helper", "advisers": ("thread",), **more}
    return ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="And the second one?", created_at=AT, model=model, tools=TOOLS,
        thread="thr_1", thread_before=30, thread_turn=3, decision_version=version, **known,
    )  # fmt: skip


def message(number: int, text: str, of: str = "person") -> dict[str, Any]:
    return {"number": number, "from": of, "text": text}


def remembered(older: int) -> dict[str, Any]:
    """As the adviser `thread` says it."""
    return {
        "summary": "They speak of invoices.",
        "upto": 4,
        "older": [message(5 + n, f"Point {n}. It is long.") for n in range(older)],
        "messages": [message(28, "Which invoices are open?"), message(29, "Two: A and B.", "agent")],
    }


def received(number: int, text: str) -> ev.MessageReceived:
    return ev.MessageReceived(thread="thr_1", number=number, text=text, author="usr_1")


def wish() -> ModelReply:
    return ModelReply(text="", tool_calls=(ToolCall(id="", name="look", arguments={"q": "B"}),))


def spoken_to(version: int) -> Player:
    """A model summarises; messages come while it plans, thinks and calls, and after what would have been its
    last word."""
    player = Player(new(version), priced=20)
    player.succeed("thread", remembered(older=9))
    player.say("digest", "They speak of invoices A and B.", cost=7)
    player.fact(received(31, "The bigger one."))
    player.say("think", wish())
    player.fact(received(32, "In euros."))
    player.succeed("tool", {"amount": 5})
    player.fact(received(33, "And by when?"))
    player.say("think", "B is 5 euros.", cost=3)
    player.say("think", "B is 5 euros, by May.", cost=3)
    return player


def remembered_by_rule(version: int) -> Player:
    """What was said before the plan reaches the agent that begins after it."""
    player = Player(new(version, agent="", model="local/extractive", agents=(
        AgentVersion(name="reader", version="0" * 12, role="researcher", summary="", instructions="Read.",
                     skills=("documents",)),)))  # fmt: skip
    player.fact(received(31, "In euros."))
    player.succeed("thread", remembered(older=9))
    player.say("think", "B is 5 euros.")
    return player


def nobody_remembers(version: int) -> Player:
    """The adviser fails, and so does the summary of the one that does not."""
    player = Player(new(version), priced=20)
    player.fail("thread", "not_found.thread")
    player.say("think", "Which one?", cost=3)
    return player


def no_summary(version: int) -> Player:
    player = Player(new(version), priced=20)
    player.succeed("thread", remembered(older=8))
    player.fail("digest", "model.timeout")
    player.say("think", "B.", cost=3)
    return player


def left_unheard(version: int) -> Player:
    """The money ends before anybody has read what was said; there is a partial answer all the same."""
    reader = replace(HELPER, name="reader", role="researcher", skills=("documents",))
    created = new(version, "local/extractive", agent="", agents=(reader,), budget_micros=100, advisers=())
    player = Player(replace(created, goal="Who signs? Who pays?"), priced=20)
    player.say("think", "Ana signs.", cost=20)
    player.fact(received(31, "In euros."))
    player.say("think", wish(), cost=20)
    player.fact(received(32, "And by when?"))
    player.refuse_next(of_task=False)
    player.succeed("tool", {"amount": 5})
    return player
