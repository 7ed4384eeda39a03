"""Why a task went to its agent and model, as `runs show --why` says it."""

from collections.abc import Iterator

from flowmatik.app.cli.session import Session, clean
from flowmatik.contracts.routing import RouteCandidate
from flowmatik.contracts.runs import TaskView

PARTS = ("fit", "success", "cost", "speed", "exploration")


def why_lines(session: Session, task: TaskView) -> Iterator[str]:
    """The reason, then each agent (and model, where one was chosen) that was weighed, with the parts of its
    score, and why it could not be taken."""
    route = task.route
    if route is None:
        return
    said = session.text.said(f"route.{route.code}", route.values, route.reason)
    agents = [one.agent for one in route.candidates]
    with_model = bool(route.models) or len(set(agents)) < len(agents)
    chosen = _name(route.candidates[0], with_model) if agents else task.agent.partition("@")[0]
    yield session.text("why.reason", agent=chosen, reason=said)
    for one in route.candidates:
        line = session.text(
            "why.candidate",
            agent=_name(one, with_model),
            score=f"{one.score:.3f}",
            parts=_parts(session, one),
        )
        yield f"{line}; {session.text(f'why.barred.{one.barred}')}" if one.barred else line
    if route.learned is not None:
        seed = session.text("why.seed", seed=route.seed) if route.seed else session.text("why.no_seed")
        yield session.text("why.learned", version=route.learned, seed=seed)


def _name(one: RouteCandidate, with_model: bool) -> str:
    name = one.agent.partition("@")[0]
    return f"{name} ({clean(one.model)})" if with_model else name


def _parts(session: Session, one: RouteCandidate) -> str:
    known = [name for name in PARTS if name in one.parts]
    return ", ".join(f"{session.text(f'why.part.{name}')} {one.parts[name]:+.3f}" for name in known)
