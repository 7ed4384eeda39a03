"""Runs that begin with the history of another one: forks and retries."""

from dataclasses import dataclass, replace

from flowmatik.contracts.control import EFFECTS, NewFork
from flowmatik.contracts.runs import ForkedFrom, RunStatus, TaskStatus
from flowmatik.core import asked, lineage, versions
from flowmatik.core import events as ev
from flowmatik.core.engine.gate import Gate
from flowmatik.core.engine.library import Library
from flowmatik.core.fold import fold
from flowmatik.core.fork_plans import Prepare, asked_for, with_plan
from flowmatik.core.guards.goals import goal_for, whose
from flowmatik.core.history import whole
from flowmatik.core.journal.port import Creation, RunHead, StoredEvent
from flowmatik.core.services import EngineServices
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.kernel.ids import new_id
from flowmatik.kernel.tracing import trace_of

Beginning = ev.RunForked | ev.TaskRetried


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """`created` as it was first, whatever was changed since; `state` as it is last."""

    head: RunHead
    history: list[StoredEvent]
    created: ev.RunCreated
    state: RunState


class Forks:
    """Makes them for `RunControl`."""

    def __init__(self, services: EngineServices, engine: Gate, prepare: Prepare) -> None:
        self._services = services
        self._prepare = prepare
        self._engine = engine
        self._library = Library(services.blobs, services.journal, services.clock)

    async def retry(self, parent: Parent, task_id: str, key: str, principal: str) -> str:
        seq = parent.history[-1].seq
        began = ev.TaskRetried(parent=parent.head.run_id, seq=seq, task_ids=tuple(_to_retry(parent, task_id)))
        return await self._begin(parent, began, key, principal)

    async def fork(self, parent: Parent, fork: NewFork) -> str:
        _check(fork, parent)
        _check_runs_within(fork, parent)
        began = ev.RunForked(
            parent=parent.head.run_id,
            seq=fork.seq,
            effects=fork.effects,
            goal=goal_for(whose(parent.created), fork.goal),
            model=fork.model,
            arguments=fork.arguments,
            outcomes=lineage.later_outcomes(parent.history, fork.seq),
        )
        if fork.plan:
            began = await with_plan(began, fork, parent.created, self._prepare)
        elif fork.arguments:
            _check_arguments(fork, fold(parent.history[: fork.seq], self._services.loop))
        return await self._begin(parent, began, fork.idempotency_key, fork.principal)

    async def parent(self, workspace_id: str, run_id: str) -> Parent:
        """Raises Conflict when the run would be decided by a version that is not here."""
        reads = self._services.seen_from(workspace_id)
        head = await reads.head(workspace_id, run_id)
        history = await whole(reads, run_id)
        version = versions.version_in(history[0].payload)
        if not versions.is_decided_here(version):
            raise versions.not_decided_here(run_id, version)
        loop = self._services.loop
        created = fold(history[:1], loop).created
        return Parent(head=head, history=history, created=created, state=fold(history, loop))

    async def _begin(self, parent: Parent, began: Beginning, key: str, principal: str) -> str:
        now = self._services.clock.now()
        first, head = parent.created, parent.head
        created = replace(
            first,
            run_id=new_id("run"),
            created_at=now.isoformat(),
            deadline_at=lineage.deadline_again(first, now),
            budget_micros=parent.state.created.budget_micros,
            principal=principal,
            parent="",
            parent_wait="",
            depth=0,
            traceparent=trace_of(""),
            forked_from=ForkedFrom(run_id=head.run_id, seq=began.seq, kind=_kind(began)),
        )
        prefix = lineage.inherited(parent.history, began.seq)
        creation = Creation(
            run_id=created.run_id,
            workspace_id=head.workspace_id,
            goal=getattr(began, "goal", "") or head.goal,
            idempotency_key=key,
            events=(asked.recorded(created), *prefix, asked.recorded(began)),
            agent=head.agent,
            priority=head.priority,
            tags=first.tags,
            decision_version=created.decision_version,
        )
        await self._library.adopt(
            created.run_id, head.workspace_id, [event.payload for event in creation.events]
        )
        run_id = await self._engine.create(creation)
        if run_id != created.run_id:
            await self._same_request(run_id, began)
        return run_id

    async def _same_request(self, run_id: str, wanted: Beginning) -> None:
        """Raises Conflict when the key's first run was asked for something else."""
        history = await whole(self._services.journal, run_id)
        begun = [
            event
            for event in (ev.decode(one) for one in history if one.type == type(wanted).__name__)
            if isinstance(event, ev.RunForked | ev.TaskRetried)
        ]
        if not any(_request(one) == _request(wanted) for one in begun[-1:]):
            raise Conflict(
                f"this idempotency key belongs to run {run_id}, which was asked for something else; "
                "use a new key for a new request",
                code="conflict.idempotency_key",
                context={"run_id": run_id},
            )


def _check_runs_within(fork: NewFork, parent: Parent) -> None:
    """What is asked or simulated of a run does not reach the runs within it: they would act."""
    if fork.effects == "allow":
        return
    tasks = [*fork.plan] or [*parent.state.created.plan, *(task.spec for task in parent.state.tasks.values())]
    if any(task.below is not None for task in tasks):
        raise Conflict(
            f"run {parent.head.run_id} has runs within it, whose effects a fork cannot ask about or "
            "simulate; fork it with `--effects allow`",
            code="conflict.fork_runs_within",
            context={"run_id": parent.head.run_id},
        )


def _request(began: Beginning) -> Beginning:
    return asked_for(began) if isinstance(began, ev.RunForked) else began


def _kind(began: Beginning) -> str:
    return "fork" if isinstance(began, ev.RunForked) else "retry"


def _to_retry(parent: Parent, task_id: str) -> list[str]:
    state, run_id = parent.state, parent.head.run_id
    if state.status not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise Conflict(
            f"run {run_id} is {parent.head.status}; only a failed or cancelled run is tried again",
            code="conflict.not_failed",
            context={"run_id": run_id, "status": parent.head.status},
        )
    if doubts := lineage.effects_in_doubt(state):
        calls = ", ".join(doubts)
        raise Conflict(
            f"nobody knows whether {calls} of run {run_id} took effect, and a retry might do it twice; "
            "fork the run with `--effects ask`, and decide",
            code="conflict.retry_in_doubt",
            context={"run_id": run_id, "calls": calls},
        )
    failed = lineage.failed_tasks(state)
    if task_id and task_id not in state.tasks:
        raise _no_task(run_id, task_id, state)
    if task_id and task_id not in failed:
        raise Conflict(
            f"task {task_id!r} of run {run_id} did not fail; failed: {', '.join(failed) or 'none'}",
            code="conflict.task_not_failed",
            context={"run_id": run_id, "task": task_id, "failed": ", ".join(failed)},
        )
    again = {*([task_id] if task_id else failed), *lineage.taken_back(state)}
    return [name for name in state.tasks if name in again]


def _check(fork: NewFork, parent: Parent) -> None:
    if fork.effects not in EFFECTS:
        known = ", ".join(EFFECTS)
        raise InvalidInput(
            f"effects after a fork are {known}, not {fork.effects!r}",
            code="input.fork_effects",
            context={"value": fork.effects[:100], "known": known},
        )
    last = lineage.last_fork(parent.history)
    if not 1 <= fork.seq <= last:
        raise InvalidInput(
            f"run {parent.head.run_id} cannot be forked at event {fork.seq}; give one from 1 to {last}",
            code="input.fork_seq",
            context={"run_id": parent.head.run_id, "seq": fork.seq, "last": last},
        )
    if fork.goal:
        asked.check_goal(fork.goal)
    for field, text in (("goal", fork.goal), ("model", fork.model)):
        asked.check_text(field, text)


def _check_arguments(fork: NewFork, state: RunState) -> None:
    specs = state.planned or {task.id: task for task in state.created.plan}
    for task_id in fork.arguments:
        if task_id not in specs:
            raise _no_task(state.created.run_id, task_id, state)
        task = state.tasks.get(task_id)
        ended = task is not None and (task.step_done or task.status is not TaskStatus.PENDING)
        if not specs[task_id].tool or ended:
            raise InvalidInput(
                f"the arguments of task {task_id!r} cannot be set at event {fork.seq}: only a tool step that "
                "has not ended by then has any to set",
                code="input.fork_arguments",
                context={"task": task_id, "seq": fork.seq},
            )


def _no_task(run_id: str, task_id: str, state: RunState) -> NotFound:
    known = ", ".join(state.planned or [task.id for task in state.created.plan])
    return NotFound(
        f"run {run_id} has no task {task_id!r}; it has {known or 'no plan yet'}",
        code="not_found.task",
        context={"run_id": run_id, "task": task_id, "known": known},
    )
