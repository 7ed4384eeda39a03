"""How a run was planned, as `runs show` says it, and with `--why` what else there was."""

from collections.abc import Iterator, Sequence

from flowmatik.app.cli.session import Session, clean
from flowmatik.contracts.plan_views import AlternativeView, PlanChangeView
from flowmatik.contracts.plans import Estimate
from flowmatik.contracts.runs import RunView

MICROS = 1_000_000


def declined_lines(session: Session, view: RunView) -> Iterator[str]:
    """The planners that were asked before, and why they could not."""
    for one in view.declined:
        planner = session.text.said(f"run.plan_by.{one.planner}", {}, one.planner)
        reason = session.text.said(f"plan.declined.{one.code}", one.values, one.reason)
        yield session.text("plan.declined", planner=planner, reason=clean(reason))


def estimate_lines(session: Session, estimate: Estimate | None) -> Iterator[str]:
    """What is known of it; nothing when nothing is."""
    if estimate is None:
        return
    parts: list[str] = []
    if estimate.least_micros is not None and estimate.most_micros is not None:
        least, most = (f"{micros / MICROS:.4f}" for micros in (estimate.least_micros, estimate.most_micros))
        parts.append(session.text("plan.estimate.cost", least=least, most=most))
    elif estimate.calls:
        parts.append(session.text("plan.estimate.unpriced"))
    if estimate.least_seconds:
        parts.append(session.text("plan.estimate.seconds", seconds=estimate.least_seconds))
    if estimate.calls is not None:
        parts.append(session.text("plan.estimate.calls", calls=estimate.calls))
    if parts:
        yield session.text("plan.estimate", parts=", ".join(parts))


def alternative_lines(session: Session, alternatives: Sequence[AlternativeView]) -> Iterator[str]:
    for one in alternatives:
        tasks = "; ".join(f"{task.id}: {task.objective or task.by}" for task in one.tasks)
        yield session.text("plan.alternative", reason=clean(one.reason) or "–", tasks=clean(tasks))
        for line in estimate_lines(session, one.estimate):
            yield f"  {line}"
        for fault in one.faults:
            yield "  " + session.text("plan.alternative.fault", fault=clean(fault))


def change_line(session: Session, change: PlanChangeView) -> str:
    cause = session.text.said(f"plan.cause.{change.cause}", {}, change.cause)
    said = session.text.said(f"plan.{change.code}", change.values, change.reason)
    parts = [session.text("plan.change", cause=cause, said=clean(said))]
    for kind in ("added", "revised", "superseded"):
        if ids := getattr(change, kind):
            parts.append(session.text(f"plan.change.{kind}", tasks=", ".join(ids)))
    return "; ".join(parts)
