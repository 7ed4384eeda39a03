"""Pictures that a run is asked about: what may be given, where it is kept, and which models get to see it.

The journal has their hashes, kinds and sizes; the bytes are blobs of the run. What nobody can see is refused
before the run is there.
"""

from collections.abc import Sequence
from dataclasses import replace

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.images import (
    MOST_ALL_BYTES,
    MOST_IMAGES,
    Image,
    Sight,
    image_of,
    ref_of_image,
)
from flowmatik.core import events as ev
from flowmatik.core.pins import needs_agents
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.picture_metadata import without_metadata

WRITING, PLANNER = "writing", "planner"


def cleaned(images: Sequence[Image]) -> tuple[Image, ...]:
    """As they are kept and sent: without metadata, each once. Raises InvalidInput (`input.image…`)."""
    if len(images) > MOST_IMAGES:
        raise InvalidInput(
            f"{len(images)} pictures were given, and a run takes at most {MOST_IMAGES}; leave some out",
            code="input.images",
            context={"count": len(images), "most": MOST_IMAGES},
        )
    found = {one.sha256: one for one in (image_of(without_metadata(image.data)) for image in images)}
    size = sum(one.size for one in found.values())
    if size > MOST_ALL_BYTES:
        raise InvalidInput(
            f"the pictures have {size} bytes together, and at most {MOST_ALL_BYTES} are taken; make them "
            "smaller, or leave some out",
            code="input.images_size",
            context={"bytes": size, "most": MOST_ALL_BYTES},
        )
    return tuple(found.values())


async def shown(created: ev.RunCreated, images: Sequence[Image], sight: Sight | None) -> ev.RunCreated:
    """The run with these pictures, and with agents that use, of their models, those that are not known to see
    none. Raises InvalidInput when nobody who has a task could see them (`input.vision`), or nobody has one
    (`input.images_unseen`)."""
    if not images:
        return created
    looking = _looking(created)
    if not looking:
        raise InvalidInput(
            "pictures were given, and no agent of the plan would look at them; leave them out, or give the "
            "plan a task for an agent",
            code="input.images_unseen",
        )
    models = {model for agent in created.agents for model in _models(agent, created.model)}
    unseeing = set[str]()
    for model in sorted(models):
        if sight is not None and await sight.sees(created.workspace_id, model) is False:
            unseeing.add(model)
    agents = tuple(_sighted(agent, created.model, unseeing) for agent in created.agents)
    seeing = [one for one in agents if one.ref() in looking and (one.model or created.model) not in unseeing]
    if not seeing:
        asked = sorted({one.model or created.model for one in agents if one.ref() in looking})
        names = ", ".join(asked)
        raise InvalidInput(
            f"pictures were given, and {names} sees none; give the run an agent whose model does (`flowmatik "
            "models probe` finds out which), or leave the pictures out",
            code="input.vision",
            context={"model": names},
        )
    return replace(
        created,
        agents=agents,
        pictures=tuple(map(ref_of_image, images)),
        blind=tuple(sorted(unseeing)),
    )


def _looking(created: ev.RunCreated) -> set[str]:
    """Who may get a task that is about the goal itself: writers put together what others found."""
    agents = created.agents
    if created.agent and not created.plan:
        return {one.ref() for one in agents[:1]}
    if not created.plan:
        return {one.ref() for one in agents if one.role != PLANNER and {*one.skills} - {WRITING}}
    tasks = [task for task in created.plan if needs_agents(task) and task.skill != WRITING]
    within = any(task.below is not None for task in created.plan)
    return {
        one.ref()
        for one in agents
        if within or any(_gets(one, task.agent, task.skill, created.agent) for task in tasks)
    }


def _gets(agent: AgentVersion, named: str, skill: str, usual: str) -> bool:
    wanted = named or usual
    return wanted in (agent.name, agent.ref()) if wanted else skill in agent.skills


def _models(agent: AgentVersion, default: str) -> set[str]:
    cascade = agent.cascade
    drafting = (*cascade.models, cascade.strong) if cascade is not None else ()
    named = (agent.model or default, agent.frugal_model, *agent.candidates, *drafting)
    return {model for model in named if model}


def _sighted(agent: AgentVersion, default: str, unseeing: set[str]) -> AgentVersion:
    """Of its models those that may see; an agent that has none stays, and is told what it cannot see."""
    cascade, frugal = agent.cascade, agent.frugal_model
    candidates = tuple(one for one in agent.candidates if one not in unseeing)
    model = agent.model
    if cascade is not None and {*cascade.models, cascade.strong} & unseeing:
        model = cascade.strong if cascade.strong not in unseeing else model
        cascade = None
    if candidates and (model or default) in unseeing:
        model = candidates[0]
    return replace(
        agent,
        model=model,
        candidates=candidates if len(candidates) > 1 else (),
        cascade=cascade,
        frugal_model="" if frugal in unseeing else frugal,
    )
