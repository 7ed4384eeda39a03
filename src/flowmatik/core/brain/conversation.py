"""decide for a run of a conversation: what was said before is asked for first, and summarised when it is
long; and whether what is said meanwhile still reaches somebody."""

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.thread_memory import DIGEST, KEY, SUMMARY_CHARACTERS, THREAD, older
from flowmatik.core.guards.guarding import tripped
from flowmatik.core.state import RunState, TaskState

SUMMARISE_AT = 8  # older messages that no summary has: fewer are not worth a call
OVER = (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.SKIPPED)


def remember(state: RunState) -> list[Command] | None:
    """Before the run is planned. None: everything is known; empty: it is being asked."""
    created = state.created
    if not created.thread or created.decision_version < BRAIN or THREAD not in created.advisers:
        return None
    told = state.advice.get(KEY)
    if told is None:
        arguments = {"thread": created.thread, "before": created.thread_before}
        return [StartCall(kind=ADVICE, name=THREAD, purpose=THREAD, arguments=arguments)]
    return [] if told.open else _summarise(state)


def _summarise(state: RunState) -> list[Command] | None:
    rows, digest = older(state), state.digest
    if len(rows) < SUMMARISE_AT or state.created.model.startswith("local/"):
        return None  # by rule
    if digest is None:
        return [StartCall(kind="model", name=state.created.model, purpose=DIGEST)]
    if digest.open:
        return []
    if not digest.text or state.summarised is not None:
        return None
    upto, text = int(rows[-1].get("number", 0)), digest.text[:SUMMARY_CHARACTERS]
    return [Record(event=ev.ThreadSummarised(thread=state.created.thread, upto=upto, text=text))]


def takes(state: RunState) -> bool:
    """Whether a message would still reach an agent: one that is at work, or one that begins later. If not, it
    is for the next run."""
    if state.stopping or state.undoing is not None or not state.created.thread:
        return False
    return not state.tasks or any(_will_hear(task) for task in state.tasks.values())


def passes(state: RunState, text: str) -> str | None:
    """A message as the guardrails of all agents at work leave it. None when one of them would not let it pass
    as it is: then it is for the next run, whose task it is and where that is decided."""
    for task in state.live.values():
        if task.status is TaskStatus.RUNNING and task.agent is not None and _will_hear(task):
            trip = tripped(task.agent.guardrails, "input", text)
            if trip is not None and trip.action != "fix":
                return None
            text = text if trip is None else str(trip.fixed)
    return text


def unheard(state: RunState) -> tuple[int, ...]:
    """The messages that the run took in, and that none of those who did its work had read when they last
    spoke: its answer, which may be a partial one, is none to them."""
    done = (task for task in state.tasks.values() if task.status is TaskStatus.SUCCEEDED)
    return state.said_numbers[max((task.read for task in done), default=0) :]


def _will_hear(task: TaskState) -> bool:
    spec = task.spec
    if task.status in OVER or spec.tool or spec.wait is not None or spec.below is not None:
        return False
    return task.loop is None or task.loop.done is None
