"""How a finished run is shown: the answer, what it rests on, what was checked, what it cost."""

from flowmatik.app.cli.images import tell_of_unseen
from flowmatik.app.cli.session import Session
from flowmatik.app.texts import shown_name
from flowmatik.contracts.answers import CALCULATION, Citation
from flowmatik.contracts.cascades import CascadeView
from flowmatik.contracts.runs import Check, RunStatus, RunView, TaskView
from flowmatik.kernel.canonical import dumps

MICROS = 1_000_000
QUOTE_LIMIT = 240


def show_run(session: Session, view: RunView) -> None:
    """The result on stdout, what to do next on stderr."""
    if view.answer is not None:
        _show_answer(session, view)
    for check in view.verified:
        session.print(check_line(session, check))
    if view.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        error = session.text.fault(view.error_code, view.error_values, view.error)
        session.print(session.text(f"run.{view.status.value}", error=error, code=view.error_code))
    elif view.status is RunStatus.WAITING:
        what = session.text.said(f"wait.{view.waiting_for}", {}, view.waiting_for)
        session.print(session.text("run.waiting", what=what))
        _show_waits(session, view)
    elif view.status is RunStatus.IN_DOUBT:
        _show_doubt(session, view)
    _show_undone(session, view)
    session.print()
    session.print(totals_line(session, view))
    if view.cascade is not None:
        session.print(cascade_line(session, view.cascade))
    tell_of_unseen(session, view)


def show_next(session: Session, view: RunView) -> None:
    session.say("run.next", run_id=view.id)
    if any(model.startswith("local/") for model in view.models):
        session.say("run.next_model")


def totals_line(session: Session, view: RunView) -> str:
    return session.text(
        "run.totals_unpriced" if view.cost_micros is None else "run.totals",
        usd=usd(view.cost_micros),
        tokens=view.input_tokens + view.output_tokens,
        seconds=f"{view.seconds:.1f}",
        models=", ".join(view.models) or session.text("run.no_model"),
        run_id=view.id,
    )


def cascade_line(session: Session, cascade: CascadeView) -> str:
    """How many turns cheap models settled, and what that saved or cost more, if prices are known."""
    saved = cascade.saved_micros
    key = "unknown" if saved is None else "saved" if saved >= 0 else "more"
    return session.text(
        f"cascade.{key}",
        cheap=cascade.cheap_turns,
        turns=cascade.cheap_turns + cascade.strong_turns,
        drafts=_fine(cascade.drafts_micros or 0),
        strong=_fine(cascade.strong_micros or 0),
        saved=_fine(abs(saved or 0)),
    )


def task_line(session: Session, task: TaskView) -> str:
    state = session.text(f"task.{task.status.value}")
    what = " ".join(task.objective.split()) or _kind_of(session, task)
    by_itself = task.skill in ("", "wait") and not task.agent
    who = task.agent.partition("@")[0] or (task.id if by_itself else task.skill)
    line = f"{MARKS[task.status.value]} {what} — {who} ({state})"
    if not task.error:
        return line
    return f"{line}: {session.text.fault(task.error_code, task.error_values, task.error)}"


def _kind_of(session: Session, task: TaskView) -> str:
    """What a task without an objective does: it brings results together, or is no agent's."""
    if task.skill == "writing" or (task.agent and not task.skill):
        return session.text("task.answer")
    if task.skill == "wait" and not task.agent:
        return session.text("task.wait")
    return session.text("task.step", tool=task.skill) if task.skill else session.text("task.run")


def plan_line(session: Session, view: RunView) -> str:
    planner = session.text.said(f"run.plan_by.{view.planner}", {}, view.planner)
    reason = session.text.said(f"plan.{view.plan_code}", view.plan_values, view.plan_reason)
    return session.text("run.plan" if reason else "run.plan_plain", planner=planner, reason=reason)


def check_line(session: Session, check: Check) -> str:
    """By its code; a check of an older version by its criterion and its own words."""
    name = session.text.said(f"check.{check.criterion}", {}, check.criterion)
    own = f"{name}: {check.detail}" if check.detail else name
    said = session.text.said(f"check.{check.code}", check.values, own) if check.code else own
    return f"{'✓' if check.passed else '✗'} {said}"


def citation_line(session: Session, citation: Citation) -> str:
    quote = " ".join(citation.quote.split())
    if len(quote) > QUOTE_LIMIT:
        quote = quote[:QUOTE_LIMIT].rstrip() + "…"
    if citation.computation and citation.source == CALCULATION:  # the quote begins with the expression
        return f"[{citation.n}] {session.text('citation.calculation')}: «{quote}»"
    line = f"[{citation.n}] {shown_name(citation.source)}{place_of(session, citation)}: «{quote}»"
    return f"{line}\n    {citation.computation}" if citation.computation else line


def place_of(session: Session, citation: Citation) -> str:
    if citation.computation:
        return ", " + session.text("citation.computed")
    if citation.page is not None:
        return ", " + session.text("citation.page", page=citation.page)
    if citation.lines is not None:
        first, last = citation.lines
        key = "citation.line" if first == last else "citation.lines"
        return ", " + session.text(key, first=first, last=last)
    return ""


def _fine(micros: int) -> str:
    """To the micro-dollar: cheap models cost little."""
    return f"{micros / MICROS:.6f}"


def usd(micros: int | None) -> str:
    return "–" if micros is None else f"{micros / MICROS:.4f}"


def _show_answer(session: Session, view: RunView) -> None:
    answer = view.answer
    if answer is None:
        return
    session.print(answer.text)
    if answer.citations:
        session.print()
        session.print(session.text("run.sources"))
        for citation in answer.citations:
            session.print(citation_line(session, citation))
    if view.verified:
        session.print()
        session.print(session.text("run.verified"))


def _show_waits(session: Session, view: RunView) -> None:
    """What the run waits for, each with what ends it."""
    for approval in view.approvals:
        session.print(f"? {approval.tool} {dumps(approval.arguments)}")
        who = ", ".join(approval.approvers) or session.text("approvals.anybody")
        session.print("  " + session.text("approvals.who", who=who, quorum=approval.quorum))
        session.print("  " + session.text("run.approve", approval=approval.id))
    for wait in view.waits:
        values = {"name": wait.name, "due": wait.due_at, "address": wait.address, "run_id": view.id}
        said = session.text.said(f"run.wait.{wait.kind}", {k: v for k, v in values.items() if v}, wait.kind)
        session.print("  " + said)


def _show_undone(session: Session, view: RunView) -> None:
    """What was taken back of a run, and what of one that has ended nobody knows."""
    for one in view.compensations:
        mark = UNDONE.get(one.status, "·")
        state = session.text(f"undone.{one.status}")
        line = session.text("run.undone", task=one.task_id, tool=one.tool, state=state)
        error = one.error and session.text.fault(one.error_code, one.error_values, one.error)
        session.print(f"{mark} {line}" + (f": {error}" if error else ""))
    if view.status.ended:
        for call in view.in_doubt:
            why = session.text.fault(call.why_code, call.why_values, call.why)
            session.print(f"? {call.tool} {dumps(call.arguments)} — {why}")


def _show_doubt(session: Session, view: RunView) -> None:
    session.print(session.text("run.in_doubt"))
    for call in view.in_doubt:
        why = session.text.fault(call.why_code, call.why_values, call.why)
        session.print(f"? {call.tool} {dumps(call.arguments)} — {why}")
        session.print("  " + session.text("run.resolve", run_id=view.id, call_id=call.call_id))


UNDONE = {"running": "▸", "succeeded": "✓", "failed": "✗", "in_doubt": "?"}
MARKS = {
    "pending": "·",
    "running": "▸",
    "verifying": "▸",
    "succeeded": "✓",
    "failed": "✗",
    "skipped": "–",
}
