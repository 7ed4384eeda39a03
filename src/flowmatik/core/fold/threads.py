"""What people say to a run's thread while it is on, and the summary that the run makes of the thread."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import Digest, RunState, TaskState


def _received(state: RunState, event: ev.MessageReceived, loop: AgentLoop) -> None:
    state.said, state.said_numbers = (*state.said, event.text), (*state.said_numbers, event.number)
    for task in state.live.values():
        if task.status is TaskStatus.RUNNING and task.agent is not None and task.loop is not None:
            speaking = task.model_open or bool(task.drafts)
            task.loop = loop.on_message(task.agent, task.loop, event.text, speaking=speaking)


def told(state: RunState, task: TaskState) -> None:
    """A model is asked in the task, with all that was said but what waits for its tools."""
    waits = len(task.loop.heard) if task.loop is not None else 0
    task.asked_with = len(state.said) - waits


def spoken(task: TaskState) -> None:
    """What it was told it has read."""
    task.read = max(task.read, task.asked_with)


def _summarised(state: RunState, event: ev.ThreadSummarised, _: AgentLoop) -> None:
    state.summarised = event


def asked(state: RunState, _: ev.CallRequested) -> None:
    state.digest = Digest()


def succeeded(state: RunState, _: ev.CallRequested, event: ev.CallSucceeded, __: AgentLoop) -> None:
    state.digest = Digest(open=False, text=event.reply.text.strip() if event.reply is not None else "")


def failed(state: RunState, _: ev.CallRequested, __: ev.CallFailed, ___: AgentLoop) -> None:
    state.digest = Digest(open=False)


def unask(state: RunState, _: ev.CallRequested) -> None:
    state.digest = None


def refused(state: RunState, _: ev.CallRefused) -> None:
    state.digest = Digest(open=False)


HANDLERS: Handlers = {
    ev.MessageReceived: _received,
    ev.ThreadSummarised: _summarised,
}
