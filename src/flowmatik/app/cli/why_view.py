"""Why a task went to its agent, as `runs show --why` says it."""

from collections.abc import Iterator

from flowmatik.app.cli.session import Session
from flowmatik.contracts.routing import RouteCandidate
from flowmatik.contracts.runs import TaskView

PARTS = ("fit", "success", "cost", "speed", "exploration")


def why_lines(session: Session, task: TaskView) -> Iterator[str]:
    """The reason, then each agent that was weighed, with the parts of its score."""
    route = task.route
    if route is None:
        return
    said = session.text.said(f"route.{route.code}", route.values, route.reason)
    yield session.text("why.reason", agent=task.agent.partition("@")[0], reason=said)
    for one in route.candidates:
        yield session.text(
            "why.candidate",
            agent=one.agent.partition("@")[0],
            score=f"{one.score:.3f}",
            parts=_parts(session, one),
        )
    if route.learned is not None:
        seed = session.text("why.seed", seed=route.seed) if route.seed else session.text("why.no_seed")
        yield session.text("why.learned", version=route.learned, seed=seed)


def _parts(session: Session, one: RouteCandidate) -> str:
    known = [name for name in PARTS if name in one.parts]
    return ", ".join(f"{session.text(f'why.part.{name}')} {one.parts[name]:+.3f}" for name in known)
