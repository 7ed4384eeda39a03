"""From the events of a run to how each of its tasks went with the agent that had it."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowmatik.kernel.events import CloudEvent

PREFIX = "flowmatik."
# What says nothing of the agent: money, keys, stores, models and processes that were away, and people who
# stopped it. Whether a model can be asked is for the breakers to know, and for nobody to learn.
NOT_OF_THE_AGENT = (
    "budget",
    "model.key",
    "model.credit",
    "model.unavailable",
    "model.timeout",
    "unavailable",
    "call",
    "approval",
    "route",
    "run",
)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Of one agent at one task. `good` is None while it is under way, and where its end says nothing of the
    agent. `advised`: there was a choice, so that types of tasks are told apart; `among`: of models, too.
    `tokens`: in and out, None where nobody knows them. `kept`: some answer had been given to the same request
    before, so that its cost and time say nothing of the model's."""

    task_id: str
    agent: str
    model: str
    skill: str
    objective: str
    begun: str
    advised: bool = False
    among: bool = False
    tokens: tuple[int, int] | None = (0, 0)
    cost_micros: int | None = 0
    kept: bool = False
    ended: str = ""
    seq: int = 0  # of the event that ended it
    good: bool | None = None

    @property
    def seconds(self) -> float | None:
        if not self.ended or self.kept:
            return None
        took = datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.begun)
        return max(took.total_seconds(), 0.0)


@dataclass(slots=True, kw_only=True)
class _Reading:
    tasks: dict[str, Mapping[str, Any]] = field(default_factory=lambda: {})
    open: dict[str, Attempt] = field(default_factory=lambda: {})
    calls: dict[str, str] = field(default_factory=lambda: {})
    drafts: set[str] = field(default_factory=lambda: set[str]())  # calls beside which there are others
    unasked: dict[str, str] = field(default_factory=lambda: {})  # by task: why its last call failed
    done: list[Attempt] = field(default_factory=lambda: [])

    def take(self, event: CloudEvent) -> None:
        data = event.data
        match event.type.removeprefix(PREFIX):
            case "PlanAdopted":
                self.tasks = {task["id"]: task for task in data["tasks"]}
            case "TaskRouted":
                self._routed(event)
            case "CallRequested" if data["kind"] == "model":
                self.calls[data["call_id"]] = data["task_id"]
                if data.get("purpose") == "draft":
                    self.drafts.add(data["call_id"])
            case "CallSucceeded" | "CallFailed" if data["call_id"] in self.calls:
                self._heard(data)
                self._paid(data)
            case "TaskReplanned":
                spared = _is_spared(self.unasked.pop(data["task_id"], ""))
                self._ended(event, good=None if spared else False)
                self.tasks[data["task_id"]] = data["replacement"]
            case "TaskSucceeded":
                self._ended(event, good=True)
            case "TaskFailed":
                self._ended(event, good=None if _is_spared(str(data["code"])) else False)
            case "TaskRetried" | "RunForked":
                self.done, self.open = [], {}  # the parent's, who has learned of them
            case _:
                pass

    def _routed(self, event: CloudEvent) -> None:
        data, task = event.data, self.tasks.get(event.data["task_id"], {})
        self.open[data["task_id"]] = Attempt(
            task_id=data["task_id"],
            agent=str(data["agent"]).partition("@")[0],
            model=data["model"],
            skill=str(task.get("skill", "")),
            objective=str(task.get("objective", "")),
            begun=event.time,
            advised=data.get("learned") is not None,
            among=bool(data.get("models")),
        )

    def _heard(self, data: Mapping[str, Any]) -> None:
        if data["call_id"] not in self.drafts:
            self.unasked[self.calls[data["call_id"]]] = str(data.get("code") or "")

    def _paid(self, data: Mapping[str, Any]) -> None:
        attempt = self.open.get(self.calls.pop(data["call_id"]))
        if attempt is None:
            return
        reply = data.get("reply")
        if reply is not None and reply.get("cached"):
            attempt.kept, attempt.tokens, attempt.cost_micros = True, None, None
        attempt.tokens = _more(attempt.tokens, reply)
        if attempt.cost_micros is None:
            return
        unknown = reply is not None and reply.get("cost_micros") is None and not data["cost_micros"]
        attempt.cost_micros = None if unknown else attempt.cost_micros + data["cost_micros"]

    def _ended(self, event: CloudEvent, *, good: bool | None) -> None:
        attempt = self.open.pop(event.data["task_id"], None)
        if attempt is not None:
            attempt.ended, attempt.seq, attempt.good = event.time, event.seq, good
            self.done.append(attempt)


def _is_spared(code: str) -> bool:
    return any(code == one or code.startswith(f"{one}.") for one in NOT_OF_THE_AGENT)


def _more(tokens: tuple[int, int] | None, reply: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """With those of a reply; a call that failed leaves nobody knowing what it took."""
    usage = None if reply is None else reply.get("usage")
    if tokens is None or usage is None or not usage.get("known", True):
        return None
    return tokens[0] + usage["input_tokens"], tokens[1] + usage["output_tokens"]


async def attempts_in(events: AsyncIterable[CloudEvent]) -> list[Attempt]:
    """Those that have ended, in that order; of a retry or fork only its own."""
    reading = _Reading()
    async for event in events:
        reading.take(event)
    return reading.done
