"""What people change of a run that lives, and how a new run begins from the history of another one."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flowmatik.contracts.plans import PlanTask

EFFECTS = ("ask", "simulate", "allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """None leaves as it is. `budget_micros`: of the whole run, what it has spent included.
    `deadline_seconds`: from now. `priority`: -MAX_PRIORITY to MAX_PRIORITY, higher goes first. `by` is who
    asks, for the record. The same `idempotency_key` changes a run once."""

    budget_micros: int | None = None
    deadline_seconds: float | None = None
    priority: int | None = None
    by: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFork:
    """`seq`: the last event of the parent that the new run knows. `goal`, `model` ("" leaves them) and
    `arguments` {task: {argument: value}} of tool steps that have not ended hold from there on. A plan that
    was made stands; a run of a single agent begins anew for another goal.

    `plan`: go on by this plan instead, which may be and do what that of a new run may. A task that had
    succeeded, and that the plan has under the same id exactly as it was, with all that it needs, keeps its
    result; everything else of the plan begins. Not together with `arguments`.

    `effects`: what becomes of effects after the fork. "allow" makes them; "simulate" takes the outcome that
    the parent got of the same task, tool and arguments, and asks where there is none; "ask" puts the run in
    doubt before each, with the parent's outcome: `resume` says repeat (make it), done (take the parent's
    outcome) or failed. `principal` is for whom the new run acts; the same `idempotency_key` returns the
    first fork."""

    seq: int
    goal: str = ""
    model: str = ""
    arguments: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    effects: str = "ask"
    idempotency_key: str = ""
    principal: str = ""
    plan: tuple[PlanTask, ...] = ()


class RunControl(Protocol):
    """Every method is for one workspace; a run of another one is NotFound (`not_found.run`). Conflict
    (`conflict.run_ended`) for an ended run, but by `fork` and `retry`."""

    async def pause(self, workspace_id: str, run_id: str, *, by: str = "", reason: str = "") -> None:
        """Nothing new begins; what is under way finishes and is recorded, then the run waits for
        `Runs.resume`. Cancels and deadlines go on working. Nothing happens to a run that is paused."""
        ...

    async def cancel_hard(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        """The run has ended as cancelled when this returns, whoever has it and whatever is under way: effects
        whose outcome is not known are in doubt, and nothing is taken back."""
        ...

    async def change(self, workspace_id: str, run_id: str, change: RunChange) -> None:
        """InvalidInput for what is out of bounds, and when there is nothing to change."""
        ...

    async def retry(
        self,
        workspace_id: str,
        run_id: str,
        *,
        task_id: str = "",
        idempotency_key: str = "",
        principal: str = "",
    ) -> str:
        """A new run that goes on where a failed or cancelled one ended: its failed tasks (or `task_id`
        alone), those skipped for them, and those whose effects were taken back begin anew; the others keep
        their outcomes. Conflict for a run that has not failed or been cancelled, for a task that did not
        fail, and when nobody knows whether an effect took place."""
        ...

    async def fork(self, workspace_id: str, run_id: str, fork: NewFork) -> str:
        """A new run with the parent's history up to an event. InvalidInput (`input.fork_seq`) names the
        events at which the parent can be forked. PlanInvalid for another plan that cannot run, or does what
        it may not."""
        ...
