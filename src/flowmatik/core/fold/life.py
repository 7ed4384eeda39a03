"""Owners, what people ask of a run, and its end."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import RunStatus
from flowmatik.core import events as ev
from flowmatik.core.fold import setting_aside
from flowmatik.core.fold.approvals import withdraw
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState


def _claimed(state: RunState, event: ev.RunClaimed, _: AgentLoop) -> None:
    state.epoch = event.epoch
    state.status = RunStatus.RUNNING


def _cancel(state: RunState, event: ev.CancelRequested, _: AgentLoop) -> None:
    state.cancel, state.hard = event.reason, event.hard


def _deadline(state: RunState, _event: ev.DeadlinePassed, _: AgentLoop) -> None:
    state.deadline_passed = True


def _run_ended(state: RunState, status: RunStatus, at: str) -> None:
    state.status, state.ended, state.ended_at = status, True, at
    state.waits, state.reserved_below = {}, 0  # sub-runs that a hard cancel left spend nothing of it any more
    setting_aside.ended(state)
    withdraw(state)


def _run_succeeded(state: RunState, event: ev.RunSucceeded, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.SUCCEEDED, event.at)
    state.answer, state.verified = event.answer, event.verified


def _run_failed(state: RunState, event: ev.RunFailed, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.FAILED, event.at)
    state.error_code, state.error, state.error_values = event.code, event.message, event.values


def _run_cancelled(state: RunState, event: ev.RunCancelled, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.CANCELLED, event.at)
    state.error_code, state.error = "run.cancelled", event.reason


HANDLERS: Handlers = {
    ev.RunClaimed: _claimed,
    ev.CancelRequested: _cancel,
    ev.DeadlinePassed: _deadline,
    ev.RunSucceeded: _run_succeeded,
    ev.RunFailed: _run_failed,
    ev.RunCancelled: _run_cancelled,
}
