"""What goes down with an append beside its events: timers, and what people are asked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from flowmatik.core import events as ev
from flowmatik.core.brain.commands import AskPeople, StartWait
from flowmatik.core.engine.deadlines import deadline_timers
from flowmatik.core.engine.pause_inputs import escalation_timer, expiry_timer, wait_timer
from flowmatik.core.journal.approval_records import NewApproval
from flowmatik.core.journal.port import NewTimer
from flowmatik.core.journal.times import text_of
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical


class Beside:
    """Collected until the append is acknowledged."""

    def __init__(self, state: RunState) -> None:
        # The deadline again for each owner: the first one's timer may never have gone down.
        self.timers: tuple[NewTimer, ...] = deadline_timers(state)
        self.approvals: tuple[NewApproval, ...] = ()
        self._withdrawn = len(state.withdrawn)

    def closed(self, state: RunState) -> tuple[str, ...]:
        """Approvals that nobody needs any more, and about which the journal does not know that yet."""
        return tuple(state.withdrawn[self._withdrawn :])

    def written(self, state: RunState) -> None:
        self.timers, self.approvals = (), ()
        self._withdrawn = len(state.withdrawn)

    def begun(self, state: RunState, command: StartWait | AskPeople, now: datetime) -> Iterator[ev.Event]:
        """The events by which the pause begins, each to be folded before the next is asked for."""
        if isinstance(command, AskPeople):
            yield self._asked(command.event, now)
            return
        event = command.event
        kept = state.signals.get(event.name) if event.kind == "signal" else None
        due_at = command.until or ("" if command.seconds is None else _after(now, command.seconds))
        if due_at and not kept:
            self.timers += (NewTimer(timer_id=wait_timer(event.wait_id), due_at=due_at),)
        yield replace(event, due_at=due_at)
        if kept:
            yield ev.WaitEnded(wait_id=event.wait_id, outcome="signalled", value=kept[0])

    def _asked(self, asked: ev.ApprovalRequested, now: datetime) -> ev.ApprovalRequested:
        policy, approval_id = asked.policy, asked.approval_id
        expires_at = "" if policy.expires_seconds is None else _after(now, policy.expires_seconds)
        if expires_at:
            self.timers += (NewTimer(timer_id=expiry_timer(approval_id), due_at=expires_at),)
        self.timers += tuple(
            NewTimer(timer_id=escalation_timer(approval_id, n), due_at=_after(now, step.after_seconds))
            for n, step in enumerate(policy.escalations, start=1)
        )
        event = replace(asked, at=now.isoformat(), expires_at=expires_at)
        row = NewApproval(
            approval_id=approval_id,
            task_id=asked.task_id,
            tool=asked.tool,
            arguments=canonical.dumps(asked.arguments),
            arguments_hash=asked.arguments_hash,
            policy=canonical.dumps(policy),
            created_at=text_of(now),
            expires_at=expires_at,
        )
        self.approvals += (row,)
        return event


def _after(now: datetime, seconds: float) -> str:
    return (now + timedelta(seconds=seconds)).isoformat()
