"""What a run is pinned to of its planning: the tasks of its playbook, and what a turn of its agents may cost
at most."""

from collections.abc import Sequence
from dataclasses import replace

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import Message, ModelGateway, ModelRequest
from flowmatik.contracts.plans import MAX_PLAN_TASKS
from flowmatik.contracts.playbooks import PlaybookCompiler
from flowmatik.contracts.runs import NewRun
from flowmatik.core import asked
from flowmatik.core import events as ev
from flowmatik.core.brain import plan
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.kernel.errors import InvalidInput

USUAL_PROMPT = " " * 4000  # characters beside its instructions, of which an agent is told more with each turn


async def by_playbook(playbooks: PlaybookCompiler | None, workspace_id: str, new: NewRun) -> NewRun:
    """With the tasks of its playbook, if it names one, as its plan. Raises what compiling does, InvalidInput
    (`input.playbook`) beside a plan or an agent, which would say otherwise, and for parameters of none
    (`input.parameters_alone`)."""
    if not new.playbook:
        if new.parameters:
            raise InvalidInput(
                "parameters are those of a playbook; name it too, or leave them out",
                code="input.parameters_alone",
            )
        return new
    if new.plan or new.agent:
        raise InvalidInput(
            "a run by a playbook has no plan or agent of its own; leave them out, or the playbook",
            code="input.playbook",
        )
    if playbooks is None:
        raise InvalidInput("there are no playbooks here", code="input.no_playbooks")
    asked.check_text("playbook", new.playbook)
    compiled = await playbooks.compile(workspace_id, new.playbook, new.parameters)
    return replace(
        new,
        goal=new.goal if new.goal.strip() else compiled.goal,
        plan=compiled.tasks,
        playbook=compiled.ref,
        parameters=compiled.parameters,
    )


def given_plan_faults(created: ev.RunCreated) -> list[Fault]:
    """Of a plan that somebody wrote, which may be longer than a model's."""
    return plan.faults(created.plan, created.agents, frozenset(created.tools), most=MAX_PLAN_TASKS)


def _first_turn(agent: AgentVersion, model: str) -> ModelRequest:
    return ModelRequest(
        model=model,
        messages=(
            Message(role="system", content=agent.instructions),
            Message(role="user", content=USUAL_PROMPT),
        ),
        max_output_tokens=agent.max_output_tokens,
    )


def asked_in_a_turn(agent: AgentVersion, default: str) -> tuple[str, ...]:
    """The models that may be asked in one turn; a single cheap one makes way for the strong one later."""
    cascade = agent.cascade
    if cascade is None:
        return (agent.model or default,)
    return (*cascade.models, cascade.strong) if cascade.compares else (cascade.strong,)


def turn_prices(models: ModelGateway, agents: Sequence[AgentVersion]) -> dict[str, int]:
    """Of the agents whose models have a price that can be known: what a first turn of a usual length may
    cost at most. Estimates go by it; what a call is really set aside is its own."""
    found: dict[str, int] = {}
    default = models.default_model()
    for agent in agents:
        names = agent.candidates or asked_in_a_turn(agent, default)
        worst = [models.worst_case_micros(_first_turn(agent, name)) for name in names]
        micros = [one for one in worst if one is not None]
        if len(micros) == len(worst):  # of several to choose from one is asked
            found[agent.ref()] = max(micros) if agent.candidates else sum(micros)
    return found
