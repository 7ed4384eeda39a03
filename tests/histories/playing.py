"""A run as its owner would write it, fact by fact; nothing is called, and nothing depends on the clock."""

from collections.abc import Sequence
from datetime import datetime

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.models import ModelReply, Usage
from flowmatik.contracts.tools import ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Record, StartCall, StartSubRun
from flowmatik.core.brain.decide import decide
from flowmatik.core.brain.gates import TASK_CAPS
from flowmatik.core.engine.beside import Beside
from flowmatik.core.engine.requests import MODEL_CALL_SECONDS, model_request, request_hash
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.core.replay import ASKED
from flowmatik.core.state import RunState

AT = "2026-01-01T00:00:00+00:00"
LATER = "2026-01-01T00:00:03+00:00"


class Player:
    """Begins with the run's creation and its first owner; every fact is followed by what is decided then.
    `priced`: what each call of a model sets aside. With `inherits`, another run's history, nothing is decided
    before the fact that follows it."""

    def __init__(
        self,
        created: ev.RunCreated,
        loop: AgentLoop | None = None,
        *,
        priced: int = 0,
        inherits: Sequence[NewEvent] = (),
    ) -> None:
        self._loop = loop or ReducerLoop()
        self._priced = priced
        self._refusal: tuple[str, bool] | None = None
        self.events: list[ev.Event] = [created]
        self.state = RunState(created=created)
        self.state.seq = 1
        self._beside = Beside(self.state)
        for seq, event in enumerate(inherits, 2):
            self._put(ev.decode(StoredEvent(seq=seq, type=event.type, payload=event.payload, at=AT)))
        if not inherits:
            self.fact(ev.RunClaimed(epoch=1, owner="wkr_1"))

    def fact(self, event: ev.Event) -> None:
        self._put(event)
        while commands := decide(self.state, self._loop, AT):
            for command in commands[:1]:  # as the driver: what it leaves decides about the next
                if isinstance(command, Record):
                    self._put(command.event)
                elif self.state.stopping:
                    continue
                elif isinstance(command, StartCall):
                    self._put(self._intent(command))
                elif isinstance(command, StartSubRun):
                    self._put(self._sub_run(command))
                else:
                    for begun in self._beside.begun(self.state, command, datetime.fromisoformat(AT)):
                        self._put(begun)

    def _put(self, event: ev.Event) -> None:
        apply(self.state, event, self._loop)
        self.events.append(event)
        self.state.seq = len(self.events)

    def refuse_next(self, *, of_task: bool) -> None:
        """The next call of a model finds no money, of its task's cap or of the run's."""
        self._refusal = ("the budget of 0.01 USD is spent", of_task)

    def _intent(self, command: StartCall) -> ev.CallRequested | ev.CallRefused:
        call_id = f"call_{self.state.calls + 1}"
        if command.kind == "model" and self._refusal is not None:
            (message, of_task), self._refusal = self._refusal, None
            of_task = of_task and self.state.created.decision_version >= TASK_CAPS
            return ev.CallRefused(
                call_id=call_id, purpose=command.purpose, task_id=command.task_id, of_task=of_task,
                tool_call_id=command.tool_call_id, code="budget.exhausted", message=message,
                values={"left_usd": 0.0},
            )  # fmt: skip
        pinned = self.state.created.tools.get(command.name)
        model = command.kind == "model"
        return ev.CallRequested(
            call_id=call_id,
            kind=command.kind,
            name=command.name,
            purpose=command.purpose,
            task_id=command.task_id,
            effect=command.effect,
            idempotency_key=f"key of {call_id}",
            at=AT,
            start_by=LATER,
            timeout=pinned.timeout if pinned else MODEL_CALL_SECONDS,
            key_ttl=pinned.key_ttl if pinned else 0.0,
            arguments=command.arguments or {},
            tool_call_id=command.tool_call_id,
            request_hash=self._hash(command) if model else "",
            reserved_micros=self._priced if model else 0,
            scopes=() if model else None,
        )

    def _sub_run(self, command: StartSubRun) -> ev.SubRunRequested:
        number = self.state.sub_count + 1
        return ev.SubRunRequested(
            sub_id=f"sub_{number}",
            task_id=command.task_id,
            child_id=f"run_{number + 1}",
            at=AT,
            item=command.item,
            budget_micros=command.budget_micros,
            tool_call_id=command.tool_call_id,
            caller=command.caller,
            agent=command.agent,
            goal=command.goal,
            effect=command.effect,
        )

    def _hash(self, command: StartCall) -> str:
        """From the version ASKED on it follows from the state; before, there may have been other words."""
        if self.state.created.decision_version < ASKED:
            return "of other days"
        tools = self.state.created.tools
        specs = {
            name: ToolSpec(name=name, description="", parameters={}, effect=tool.effect)
            for name, tool in tools.items()
        }
        request = model_request(
            self.state, command.purpose, command.task_id, command.name, self._loop, specs, ""
        )
        return request_hash(request)

    # --- outcomes -----------------------------------------------------------------------------

    def open(self, purpose: str = "") -> ev.CallRequested:
        """The oldest open call of this purpose."""
        calls = self.state.open.values()
        return next(call for call in calls if purpose in ("", call.purpose))

    def succeed(self, purpose: str, result: object) -> None:
        self.fact(ev.CallSucceeded(call_id=self.open(purpose).call_id, result=result))

    def say(self, purpose: str, reply: ModelReply | str, *, cost: int = 0) -> None:
        if isinstance(reply, str):
            reply = ModelReply(text=reply, usage=Usage(input_tokens=10, output_tokens=5), cost_micros=cost)
        self.fact(ev.CallSucceeded(call_id=self.open(purpose).call_id, reply=reply, cost_micros=cost))

    def fail(self, purpose: str, code: str, *, cost: int = 0, **values: object) -> None:
        call = self.open(purpose)
        self.fact(
            ev.CallFailed(call_id=call.call_id, code=code, message=f"{call.name} failed", cost_micros=cost,
                          values=dict(values))
        )  # fmt: skip

    def doubt(self, purpose: str) -> None:
        self.fact(
            ev.CallInDoubt(call_id=self.open(purpose).call_id, why="nobody can tell", code="call.unknown")
        )

    def resolve(self, purpose: str, resolution: str) -> None:
        """As a person decides it: `done` and `failed` are followed by that outcome."""
        call = self.open(purpose)
        self._put(ev.DoubtResolved(call_id=call.call_id, resolution=resolution))
        if resolution == "done":
            self.succeed(purpose, {"confirmed": True})
        elif resolution == "failed":
            self.fail(purpose, "call.failed")

    def stored(self) -> list[StoredEvent]:
        return stored(self.events)


def stored(events: Sequence[ev.Event]) -> list[StoredEvent]:
    encoded = map(ev.encode, events)
    return [StoredEvent(seq=n, type=e.type, payload=e.payload, at=AT) for n, e in enumerate(encoded, start=1)]
