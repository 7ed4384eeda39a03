"""What a caller may ask of a run: whatever cannot be carried out or kept is refused before there is one."""

from collections.abc import Iterator, Sequence

from flowmatik.contracts.memory import SourceIndex
from flowmatik.contracts.plans import MAX_PLAN_TASKS, PlanTask
from flowmatik.contracts.runs import (
    LANGUAGES,
    MAX_BUDGET_MICROS,
    MAX_DEADLINE_SECONDS,
    MAX_GOAL_CHARACTERS,
    MAX_PRIORITY,
    NewRun,
)
from flowmatik.contracts.threads import ThreadIndex, no_thread
from flowmatik.core import events as ev
from flowmatik.core import search
from flowmatik.core.brain.plan_faults import fault, refusal
from flowmatik.core.journal.port import NewEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput


def check(new: NewRun) -> None:
    """Raises InvalidInput, which names the value and what may stand there."""
    check_goal(new.goal)
    for field, text in _texts(new):
        check_text(field, text)
    check_amount("budget", new.budget_micros)
    check_size(new.plan)
    for task in new.plan:
        check_amount(f"budget of task {task.id!r}", task.budget_micros)
    search.check_tags(new.tags)
    check_priority(new.priority)
    if new.deadline_seconds is not None:
        check_deadline(new.deadline_seconds)
    if new.language and new.language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InvalidInput(
            f"answers cannot be asked for in the language {new.language!r}; there is {known}",
            code="input.language",
            context={"value": new.language[:100], "known": known},
        )


def check_size(plan: Sequence[PlanTask]) -> None:
    """Raises PlanInvalid for more tasks than anybody looks through, those of its sub-runs included."""
    count, left = 0, [plan]
    while left:
        tasks = left.pop()
        count += len(tasks)
        left += [task.below.plan for task in tasks if task.below is not None]
    if count > MAX_PLAN_TASKS:
        text = f"the plan has {count} tasks with those of its sub-runs; at most {MAX_PLAN_TASKS} are allowed"
        raise refusal([fault(text, "large", count=count, most=MAX_PLAN_TASKS)])


def check_deadline(seconds: float) -> None:
    if not 0 < seconds <= MAX_DEADLINE_SECONDS:  # NaN is neither
        raise InvalidInput(
            f"the deadline is {seconds} s; it must be more than 0 and at most {MAX_DEADLINE_SECONDS:,} s",
            code="input.deadline",
            context={"seconds": seconds, "limit": MAX_DEADLINE_SECONDS},
        )


def check_goal(goal: str) -> None:
    if not goal.strip():
        raise InvalidInput("the goal is empty; say what you want to know or have done", code="input.goal")
    if len(goal) > MAX_GOAL_CHARACTERS:
        raise InvalidInput(
            f"the goal has {len(goal):,} characters; at most {MAX_GOAL_CHARACTERS:,} are allowed: "
            "put long material in documents and ask about them",
            code="input.goal",
            context={"characters": len(goal), "limit": MAX_GOAL_CHARACTERS},
        )


def _texts(new: NewRun) -> Iterator[tuple[str, str]]:
    yield "goal", new.goal
    yield "agent", new.agent
    yield "language", new.language
    yield "idempotency_key", new.idempotency_key
    yield "thread", new.thread
    yield "sticky", new.sticky
    for source in new.sources:
        yield "sources", source


def check_text(field: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{text[:100]!r} is not valid Unicode text; send it as UTF-8",
            code="input.unicode",
            context={"value": ascii(text[:100])},
        ) from error
    if "\0" in text:
        raise InvalidInput(
            f"{field} holds a NUL character (U+0000), which not every store keeps; take it out",
            code="input.nul",
            context={"field": field},
        )


def check_priority(priority: int) -> None:
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidInput(
            f"the priority is {priority}; it must be from -{MAX_PRIORITY} to {MAX_PRIORITY}",
            code="input.priority",
            context={"value": priority, "limit": MAX_PRIORITY},
        )


def check_amount(name: str, micros: int | None) -> None:
    if micros is not None and not 0 <= micros <= MAX_BUDGET_MICROS:
        raise InvalidInput(
            f"the {name} is {micros} micro-dollars; it must be from 0 to {MAX_BUDGET_MICROS:,}",
            code="input.amount",
            context={"name": name, "micros": micros, "limit": MAX_BUDGET_MICROS},
        )


async def check_sources(
    index: SourceIndex | None, workspace_id: str, sources: Sequence[str], principal: str
) -> None:
    """Raises InvalidInput for sources that nothing in memory bears, as far as `principal` may see: bound to a
    misspelt one, a run would say that the documents do not hold the answer."""
    if index is None or not sources:
        return
    if missing := await index.missing(workspace_id, sources, principal):
        names = ", ".join(map(repr, missing))
        raise InvalidInput(
            f"memory has no document, table or folder {names}; `flowmatik memory list` shows those that "
            "there are",
            code="input.sources",
            context={"sources": names},
        )


async def check_thread(index: ThreadIndex | None, workspace_id: str, thread: str) -> None:
    """Raises NotFound for a conversation that there is not."""
    if index is None or not thread:
        return
    if not await index.exists(workspace_id, thread):
        raise no_thread(thread)


def recorded(created: ev.Event) -> NewEvent:
    """What a run begins with. Raises InvalidInput for what JSON cannot carry, or not everybody could read
    again."""
    try:
        encoded = ev.encode(created)
    except TypeError as error:
        raise InvalidInput(
            f"the run cannot be kept as JSON: {error}; plans take JSON types and valid text",
            code="input.json",
            context={"said": str(error)},
        ) from error
    if canonical.is_deeper(encoded.payload):
        raise InvalidInput(
            f"the run is nested in more than {canonical.DEEPEST} levels; write the arguments of its plan and "
            "the output schemas of its agents flatter",
            code="input.deep",
            context={"most": canonical.DEEPEST},
        )
    return encoded
