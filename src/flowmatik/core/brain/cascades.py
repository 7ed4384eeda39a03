"""decide where an agent has a cascade: cheap models are asked, and what they say is compared or verified.

"Two cheap models agree, else the strong one" keeps the quality of the strong model for a fraction of its
cost, where predicting the right model up front does not.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.agents import AgentLoop, AgentVersion, LoopFailed, LoopState
from flowmatik.contracts.cascades import Agree, Cascade
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.books import compared_with
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.wording import normal
from flowmatik.core.events.cascades import DRAFT
from flowmatik.core.state import Draft, RunState, TaskState
from flowmatik.kernel import canonical

ENOUGH = 2  # drafts that say the same
CUT = ("length", "filtered")


def first_model(cascade: Cascade) -> str:
    """With which a task is routed: of several cheap ones none is the task's own."""
    return cascade.strong if cascade.compares else cascade.models[0]


def routed(state: RunState, task: TaskState, commands: list[Command]) -> list[Command]:
    """`commands`, which route the task; the second try of one that was not verified is the strong model's."""
    if not task.replanned:
        return commands
    return [_strongly(state, one) if isinstance(one, Record) else one for one in commands]


def _strongly(state: RunState, record: Record) -> Record:
    event = record.event
    if not isinstance(event, ev.TaskRouted):
        return record
    agent = state.agent_named(event.agent)
    cascade = agent.cascade if agent is not None else None
    if cascade is None or not cascade.verify or event.model not in cascade.models:
        return record
    return Record(event=replace(event, model=cascade.strong))


def escalates(task: TaskState) -> bool:
    """Whether the task, should it fail now, is another model's to try again: the strong one's of what was
    tried as its cascade has it, and another of those among which one was chosen. It must only read."""
    if task.routed is not None and task.routed.models:
        return not task.replanned and task.spec.effect is Effect.READ
    cascade = task.agent.cascade if task.agent is not None else None
    if cascade is None or not cascade.verify or task.model != first_model(cascade):
        return False
    return not task.replanned and task.spec.effect is Effect.READ


def declined(task: TaskState) -> bool:
    """Whether a cheap model alone said that it cannot do the task, which the strong one may."""
    return task.declined and escalates(task)


def instead_of(call: ev.CallRequested, reply: ModelReply, state: RunState) -> str:
    """The strong model in whose place the call was made; "" of other calls, and where nobody knows what the
    reply took."""
    task = state.tasks.get(call.task_id)
    known = compared_with(task) if task is not None else None
    if known is None or call.purpose not in (DRAFT, "think") or not reply.usage.known:
        return ""
    cheap, strong = known
    return strong if call.name in cheap else ""


def ask(state: RunState, task: TaskState, loop: AgentLoop) -> list[Command]:
    """Who speaks next in the task."""
    cascade = _drafting(state, task)
    if cascade is None or task.undrafted or task.agent is None or task.loop is None:
        return [StartCall(kind="model", name=task.model, purpose="think", task_id=task.spec.id)]
    turn = task.loop.turns + 1
    calls: list[Command] = [
        StartCall(kind="model", name=model, purpose=DRAFT, task_id=task.spec.id, tool_call_id=number)
        for number, model in _numbered(cascade, turn)
        if number not in task.drafts
    ]
    if calls or any(draft.open for draft in task.drafts.values()):
        return calls
    return [Record(event=_compared(task, cascade, turn, _Judge(loop, task.agent, task.loop, cascade.agree)))]


def _drafting(state: RunState, task: TaskState) -> Cascade | None:
    """The cascade by which turns of the task go: not while the run is to be frugal, or a fork has another
    model."""
    if task.agent is None or state.created.decision_version < BRAIN:
        return None
    cascade = task.agent.cascade
    if cascade is None or not cascade.compares or task.model != cascade.strong:
        return None
    return None if cascade.verify and task.replanned else cascade


def _numbered(cascade: Cascade, turn: int) -> list[tuple[str, str]]:
    return [(f"{turn}.{n}", model) for n, model in enumerate(cascade.models)]


def _compared(task: TaskState, cascade: Cascade, turn: int, judge: "_Judge") -> ev.DraftsCompared:
    read = {model: judge.read(task.drafts[number]) for number, model in _numbered(cascade, turn)}
    keys = [key for _, key in read.values() if key is not None]
    agreed = next((key for key in keys if keys.count(key) >= ENOUGH), None)
    said = tuple(
        word or ("agrees" if key is not None and key == agreed else "differs") for word, key in read.values()
    )
    chosen = cascade.models[said.index("agrees")] if agreed is not None else ""
    usable = sum(not word for word, _ in read.values())
    numbers = {model: number for number, model in _numbered(cascade, turn)}
    return ev.DraftsCompared(
        task_id=task.spec.id,
        turn=turn,
        agreed=agreed is not None,
        chosen=chosen,
        models=cascade.models,
        code="agreed" if chosen else "differ" if usable >= ENOUGH else "alone",
        said=said,
        strong_micros=task.drafts[numbers[chosen]].instead_micros if chosen else None,
    )


class _Judge:
    """What drafts of one turn are worth, and what they say."""

    def __init__(self, loop: AgentLoop, agent: AgentVersion, state: LoopState, agree: Agree) -> None:
        self._loop, self._agent, self._state = loop, agent, state
        self._agree: Agree = agree

    def read(self, draft: Draft) -> tuple[str, str | None]:
        """Why it cannot count ("" when it can), and what it says, so that the same is equal; None is equal
        to nothing."""
        reply = draft.reply
        if reply is None:
            return ("dear" if draft.refused else "failed"), None
        if reply.finish in CUT:
            return "cut", None
        if reply.finish == "refused":
            return "refused", None
        if not self._goes_on(reply):
            return "unusable", None
        return "", _said(reply, self._agree)

    def _goes_on(self, reply: ModelReply) -> bool:
        """Whether the loop would take it without telling anything back."""
        if not reply.tool_calls and not reply.text.strip():
            return False
        after = self._loop.on_model(self._agent, self._state, reply)
        if isinstance(after.done, LoopFailed) or after.repairs > self._state.repairs:
            return False
        return len(after.pending) == len(reply.tool_calls)


def _said(reply: ModelReply, agree: Agree) -> str | None:
    calls = [canonical.dumps([call.name, call.arguments]) for call in reply.tool_calls]
    if agree == "exact":
        return canonical.dumps([calls, reply.text])
    if calls:  # they run side by side, in no order; words beside them are for nobody
        return canonical.dumps(sorted(calls))
    if agree == "tool_calls":
        return None
    return _json(reply.text) if agree == "json" else canonical.dumps({"text": normal(reply.text)})


def _json(text: str) -> str | None:
    """Its canonical form; 1.0 is 1."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        return canonical.dumps({"json": _numbers(canonical.loads(bare))})
    except ValueError:
        return None


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_numbers(one) for one in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        return {name: _numbers(one) for name, one in cast("dict[str, Any]", value).items()}
    return value
