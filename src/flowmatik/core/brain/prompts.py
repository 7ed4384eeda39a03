"""What agents are told: pure functions of the run's state."""

from typing import Any, cast

from flowmatik.contracts.models import Message
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.pictures import listed
from flowmatik.core.brain.references import shown
from flowmatik.core.brain.remembered import INTRODUCED, REMEMBERED, remembered
from flowmatik.core.brain.thread_memory import thread_memory
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical


def finding_of(task: TaskState) -> dict[str, Any] | None:
    """The task's output if it has the shape of a finding."""
    output = task_output(task)
    if isinstance(output, dict) and {"found", "text", "citations"} <= cast("dict[str, Any]", output).keys():
        return cast("dict[str, Any]", output)
    return None


def task_output(task: TaskState) -> Any:
    if task.loop is not None and task.loop.done is not None:
        return getattr(task.loop.done, "output", None)
    return task.output


def task_prompt(state: RunState, task: TaskState) -> str:
    """The user message that starts a task: the objective alone, then what it needs."""
    memory, kept = thread_memory(state), remembered(state, task.agent)
    if task.spec.skill == "writing":
        material: dict[str, Any] = {"goal": state.created.goal, "findings": _findings(state, task)}
        if memory is not None:
            material["conversation"] = memory
        if kept is not None:
            material[REMEMBERED] = {"about": INTRODUCED, **kept}
        if state.said:
            material["said_since"] = list(state.said)
        if task.notes and state.created.decision_version >= BRAIN:
            material["notes"] = task.notes
        return canonical.dumps(material)
    parts = [task.spec.objective]
    if state.created.language:
        parts.append(f"Answer in the language {state.created.language!r}.")
    inputs = {need: shown(_brief(state.tasks[need]), state.created) for need in task.spec.needs}
    if inputs:
        parts.append("Results of earlier tasks (JSON):\n" + canonical.dumps(inputs))
    if memory is not None:
        parts.append("The conversation so far (JSON, the oldest message first):\n" + canonical.dumps(memory))
    if kept is not None:
        parts.append(f"{INTRODUCED}:\n" + canonical.dumps(kept))
    if state.said:
        parts.append("Said since then:\n" + "\n".join(f"- {text}" for text in state.said))
    if task.spec.vote is not None:
        parts.append('The answers differ. Choose the best one: answer with JSON, {"choice": "<its id>"}.')
    if task.spec.repeat is not None:
        until = canonical.dumps(task.spec.repeat.until)
        parts.append(f"Answer with JSON that has {until}: true or false, and says what is to be changed.")
    if task.notes:
        parts.append("The earlier attempt did not pass:\n" + "\n".join(f"- {n}" for n in task.notes))
    return "\n\n".join(parts)


def _findings(state: RunState, task: TaskState) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for need in task.spec.needs:
        source = state.tasks[need]
        if source.spec.when and source.status is TaskStatus.SKIPPED:
            continue  # it was not asked for
        finding = finding_of(source)
        if finding is None or source.passed is False:
            no_citations: list[Any] = []
            finding = {"found": False, "text": source.error, "citations": no_citations}
        rows.append({"task": source.spec.objective, **finding})
    return rows


def _brief(task: TaskState) -> Any:
    if task.error:
        return {"error": task.error}
    return task_output(task)


def plan_messages(state: RunState, instructions: str) -> tuple[Message, ...]:
    """What the model planner is asked, with the validator's own words after a rejected plan."""
    skills = sorted({skill for agent in state.created.agents for skill in agent.skills if skill != "writing"})
    passages = _rows(state, "recall", "passages")
    tables = _rows(state, "recall_tables", "tables")
    brief: dict[str, Any] = {
        "goal": state.created.goal,
        "skills": skills,
        "documents": [{key: p[key] for key in ("source", "title", "heading")} for p in passages],
        "tables": [{"name": t["name"], "columns": [c["name"] for c in t["columns"]]} for t in tables],
    }
    if (memory := thread_memory(state)) is not None:
        brief["conversation"] = memory
    if (kept := remembered(state, None)) is not None:
        brief[REMEMBERED] = {"about": INTRODUCED, **kept}
    if state.created.pictures:
        brief["pictures"] = listed(state)
    messages = [
        Message(role="system", content=instructions),
        Message(role="user", content=canonical.dumps(brief)),
    ]
    if state.plan_errors:
        messages.append(
            Message(
                role="user",
                content="Your plan cannot run:\n"
                + "\n".join(f"- {error}" for error in state.plan_errors)
                + "\nAnswer with a corrected plan.",
            )
        )
    return tuple(messages)


def _rows(state: RunState, purpose: str, key: str) -> list[dict[str, Any]]:
    recalled = cast("dict[str, Any]", state.recall.get(purpose) or {})
    return cast("list[dict[str, Any]]", recalled.get(key) or [])
