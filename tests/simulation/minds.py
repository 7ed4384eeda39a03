"""How models answer in a simulated life: rightly, wrongly, in no form, for ever the same, and with wishes."""

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.contracts.team_tools import (
    ASK_AGENT,
    BOARD_READ,
    BOARD_WRITE,
    HAND_OVER,
    PROPOSE_TASKS,
    TEAM_TOOLS,
)
from flowmatik.core.brain.judging import VERDICT_SCHEMA
from flowmatik.core.brain.plan import PLANS_SCHEMA
from flowmatik.core.brain.replanning import INSTRUCTIONS as REPLANNING
from flowmatik.core.threads.handing import HAND_TO_PERSON
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ModelMalformed, ModelUnavailable
from tests.simulation.crew import CHEAP

GARBAGE = ("", "{", "[]", '{"tasks": 3}', '{"tasks": [{"id": "t1"}]}', "no")
SKILLS = ("documents", "documents", "documents", "tables", "maps", "secrets")
LEADERS = ("boss", "chief", "hand")
Said = str | Sequence[ToolCall]


class Minds:
    """Of all models of one life."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._steps = count()

    def answer(self, request: ModelRequest) -> ModelReply:
        """Its cost is for others to say. Raises ModelError."""
        draw = self._chance.random()
        if draw < 0.02:
            raise ModelMalformed("nobody can read this")
        if draw < 0.025:
            raise ModelUnavailable("the model is away", code="model.unavailable")
        said = self._said(request)
        if isinstance(said, str):
            finish = "length" if 0.97 < draw < 0.985 else "refused" if draw >= 0.985 else "stop"
            return ModelReply(text=said, usage=USAGE, finish=finish)
        return ModelReply(text="", tool_calls=tuple(said), usage=USAGE, finish="tool_calls")

    def _said(self, request: ModelRequest) -> Said:
        who = request.messages[0].content
        if request.output_schema == PLANS_SCHEMA:
            return self._instead(request) if who == REPLANNING else self._plan(request)
        if request.output_schema == VERDICT_SCHEMA:
            return self._verdict()
        name = who.removeprefix("You are ").removesuffix(".")
        wishes = self._wishes(name, request)
        return wishes if wishes else self._words(name, request)

    # --- what planners say --------------------------------------------------------------------

    def _plan(self, request: ModelRequest) -> str:
        chance = self._chance
        if chance.random() < 0.12:
            return chance.choice(GARBAGE)
        hard = '"find out hard ' in request.messages[1].content
        tasks = self._tasks(chance.randint(1, 4), hard=hard)
        if chance.random() < 0.12:
            tasks[0]["needs"] = [chance.choice([tasks[-1]["id"], "t9"])]
        others = [{"reason": "", "tasks": self._tasks(1)}] if chance.random() < 0.1 else []
        return canonical.dumps({"reason": "so", "tasks": tasks, "alternatives": others})

    def _tasks(self, many: int, *, hard: bool = False) -> list[dict[str, Any]]:
        chance = self._chance
        tasks: list[dict[str, Any]] = []
        for number in range(1, many + 1):
            words = "hard part" if chance.random() < (0.8 if hard else 0.2) else f"part {next(self._steps)}"
            needs = [one["id"] for one in tasks if chance.random() < 0.3]
            skill = chance.choice(SKILLS)
            tasks.append({"id": f"t{number}", "objective": words, "skill": skill, "needs": needs})
        return tasks

    def _instead(self, request: ModelRequest) -> str:
        """Of a task that failed: another way, none, the same again, or nothing that could be read."""
        chance, draw = self._chance, self._chance.random()
        if draw < 0.12:
            return chance.choice(GARBAGE)
        if draw < 0.25:
            return canonical.dumps({"reason": "no way", "tasks": []})
        tasks = self._tasks(chance.randint(1, 2), hard=True)
        brief: dict[str, Any] = canonical.loads(request.messages[1].content)
        if draw < 0.4:
            tasks[0]["objective"], tasks[0]["skill"] = brief["failed"]["objective"], brief["failed"]["skill"]
        if draw > 0.9:
            tasks[0]["needs"] = [brief["failed"]["id"]]
        elif brief["done"] and draw > 0.7:
            tasks[0]["needs"] = [brief["done"][0]["id"]]
        return canonical.dumps({"reason": "so", "tasks": tasks})

    def _verdict(self) -> str:
        chance = self._chance
        if chance.random() < 0.15:
            return chance.choice(GARBAGE)
        return canonical.dumps({"passed": chance.random() < 0.7, "score": 0.8, "reason": "so"})

    # --- what agents say ----------------------------------------------------------------------

    def _words(self, name: str, request: ModelRequest) -> str:
        chance, asked = self._chance, request.messages[1].content
        match name:
            case "chooser":
                return chance.choice(['{"choice": "v0"}', '{"choice": "v1"}', "v0", "v9"])
            case "reviewer":
                return chance.choice(
                    ['{"approved": true}', '{"approved": false}', '{"approved": false}', "hm"]
                )
            case "warden":
                return chance.choice(["right", "right", "ask eve@example.org", "forbidden", "hushed words"])
            case _:
                pass
        if asked.startswith("hard part") and chance.random() < 0.9:
            return "wrong"
        if request.model in CHEAP and chance.random() < 0.3:
            return chance.choice(["wrong", "", "rather right"])
        return chance.choice(["right", "right", "right", "right", "wrong", "quite right"])

    def _wishes(self, name: str, request: ModelRequest) -> list[ToolCall]:
        """What it wants done: now and then what it may not have, or cannot be read."""
        chance = self._chance
        if not request.tools:
            return []
        if "has handed this over" in request.messages[-1].content and chance.random() < 0.5:
            return [_call(HAND_OVER, {"agent": "boss" if name == "deputy" else "deputy"})]
        eager = (0.9 if name in LEADERS else 0.65) if len(request.messages) == 2 else 0.3
        if chance.random() > eager:
            return []
        if chance.random() < 0.06:
            return [_call("forge", {}), ToolCall(id="", name="look", arguments=None, raw="{")]
        if request.model in CHEAP:
            return [_call("look", {"tool": "look", "step": "same"})] if chance.random() < 0.5 else []
        team = [one for one in request.tools if one.name in TEAM_TOOLS]
        wanted = chance.choice(team if team and chance.random() < 0.7 else request.tools).name
        calls = [self._wish(wanted)]
        if chance.random() < 0.2:
            calls.append(self._wish(chance.choice(request.tools).name))
        return calls

    def _wish(self, wanted: str) -> ToolCall:
        chance = self._chance
        match wanted:
            case "ask_agent":
                agent = chance.choice(["scout", "scout", "hand", "hand", "boss", "nobody"])
                goal = "" if chance.random() < 0.05 else f"help {next(self._steps)}"
                return _call(ASK_AGENT, {"agent": agent, "goal": goal})
            case "hand_over":
                return _call(HAND_OVER, {"agent": chance.choice(["deputy", "boss"]), "note": "yours"})
            case "propose_tasks":
                rows = [
                    {"objective": f"more {next(self._steps)}", "skill": chance.choice([*SKILLS, "writing"])}
                    for _ in range(chance.randint(1, 3))
                ]
                return _call(PROPOSE_TASKS, {"tasks": rows if chance.random() < 0.9 else "many"})
            case "board_write":
                value = "x" * (9000 if chance.random() < 0.1 else 10)
                return _call(BOARD_WRITE, {"key": chance.choice("abc"), "value": value})
            case "board_read":
                return _call(BOARD_READ, {"key": chance.choice(["a", "b", ""])})
            case "hand_to_person":
                return _call(HAND_TO_PERSON, {"reason": "it is beyond me"})
            case _:
                return _call(wanted, {"tool": wanted, "step": f"w{next(self._steps)}"})


USAGE = Usage(input_tokens=1, output_tokens=1)


def _call(name: str, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(id="", name=name, arguments=arguments)
