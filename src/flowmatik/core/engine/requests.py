"""Builds the model request behind a call: a pure function of the run's state."""

from flowmatik.contracts.agents import AgentLoop, CallModel
from flowmatik.contracts.images import without_bytes
from flowmatik.contracts.models import ModelRequest, ToolSchema
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.contracts.tools import ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import remedy_messages
from flowmatik.core.brain.judging import MAX_JUDGE_TOKENS, VERDICT_SCHEMA, judge_messages, next_judge
from flowmatik.core.brain.pictures import with_pictures
from flowmatik.core.brain.plan import schema_of
from flowmatik.core.brain.planners.order import planner_of as planner_of
from flowmatik.core.brain.prompts import plan_messages
from flowmatik.core.brain.thread_memory import DIGEST, digest_messages
from flowmatik.core.brain.verifying import JUDGE
from flowmatik.core.events.adapting import REPLAN
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

MODEL_CALL_SECONDS = 600.0
DIGEST_TOKENS = 1_000
MODEL_TIMEOUT = 590.0  # below the call's; providers are bound to less by their settings


def model_request(
    state: RunState,
    purpose: str,
    task_id: str,
    model: str,
    loop: AgentLoop,
    specs: dict[str, ToolSpec],
    key: str,
) -> ModelRequest:
    """Raises EngineError (`engine.state`) when the state asks for no model there."""
    specs = {**specs, **TEAM_TOOLS}
    if purpose == REPLAN:
        return ModelRequest(
            model=model,
            messages=remedy_messages(state),
            output_schema=schema_of(state.created.decision_version),
            timeout=MODEL_TIMEOUT,
            idempotency_key=key,
        )
    if purpose == "plan":
        planner = planner_of(state)
        instructions = planner.instructions if planner else "Plan the goal as tasks."
        return ModelRequest(
            model=model,
            messages=plan_messages(state, instructions),
            output_schema=schema_of(state.created.decision_version),
            timeout=MODEL_TIMEOUT,
            idempotency_key=key,
        )
    if purpose == DIGEST:
        return ModelRequest(
            model=model,
            messages=digest_messages(state),
            max_output_tokens=DIGEST_TOKENS,
            timeout=MODEL_TIMEOUT,
            idempotency_key=key,
        )
    task = state.tasks[task_id]
    if purpose == JUDGE:
        return _judge_request(state, task, model, key)
    if task.agent is None or task.loop is None:
        raise EngineError(f"task {task_id!r} has no agent to speak for", code="engine.state")
    action = loop.next(task.agent, task.loop)[0]
    if not isinstance(action, CallModel):
        raise EngineError(f"task {task_id!r} does not want a model now", code="engine.state")
    tools = tool_schemas(action.tools, {name: specs[name] for name in specs if name in state.created.tools})
    return ModelRequest(
        model=model,
        messages=with_pictures(state, task, model, action.messages),
        tools=tools,
        again=bool(tools),  # an agent with tools comes back with their results
        output_schema=action.output_schema,
        max_output_tokens=task.agent.max_output_tokens,
        timeout=MODEL_TIMEOUT,
        idempotency_key=key,
    )


def _judge_request(state: RunState, task: TaskState, model: str, key: str) -> ModelRequest:
    asked = next_judge(state, task)
    if asked is None:
        raise EngineError(f"task {task.spec.id!r} has no judge to ask", code="engine.state")
    return ModelRequest(
        model=model,
        messages=judge_messages(task, asked[1]),
        output_schema=VERDICT_SCHEMA,
        max_output_tokens=MAX_JUDGE_TOKENS,
        timeout=MODEL_TIMEOUT,
        idempotency_key=key,
    )


def tool_schemas(names: tuple[str, ...], specs: dict[str, ToolSpec]) -> tuple[ToolSchema, ...]:
    known = (specs[name] for name in names if name in specs)
    return tuple(ToolSchema(name=s.name, description=s.description, parameters=s.parameters) for s in known)


def request_hash(request: ModelRequest) -> str:
    """What identifies a request: everything but the idempotency key and the timeout, of its tools only the
    names, for their schemas are those of the day, and of pictures no bytes."""
    return canonical.content_hash(
        {
            "model": request.model,
            "messages": without_bytes(request.messages),
            "tools": [tool.name for tool in request.tools],
            "schema": request.output_schema,
            "max": request.max_output_tokens,
        }
    )


def asked_again(state: RunState, call: ev.CallRequested, loop: AgentLoop) -> ModelRequest:
    """What `state` would ask a model in this call: of the tools, those that the run is pinned to are
    offered, without their schemas."""
    pinned = {
        name: ToolSpec(name=name, description="", parameters={}, effect=tool.effect)
        for name, tool in state.created.tools.items()
    }
    return model_request(state, call.purpose, call.task_id, call.name, loop, pinned, "")


def hash_again(state: RunState, call: ev.CallRequested, loop: AgentLoop) -> str:
    """The hash of that."""
    return request_hash(asked_again(state, call, loop))
