"""Validation of what a plan waits for, and whom it asks."""

import math
import re
from collections.abc import Iterator
from datetime import datetime

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import MAX_WAIT_SECONDS, PlanTask, WaitSpec
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.brain.plan_faults import fault as _fault

KINDS = ("time", "signal", "webhook")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}")  # of signals


def wait_faults(task: PlanTask, wait: WaitSpec) -> Iterator[Fault]:
    me = f"task {task.id!r}"
    if task.tool or task.agent or task.skill:
        yield _fault(f"{me} waits, so it can have no tool, agent or skill", "wait_alone", task=task.id)
    if wait.kind not in KINDS:
        known = ", ".join(KINDS)
        text = f"{me} waits for {wait.kind!r}; use one of {known}"
        yield _fault(text, "wait_kind", task=task.id, kind=wait.kind, known=known)
        return
    timed = wait.kind == "time"
    if timed != (wait.seconds is not None or bool(wait.until)) or (wait.seconds is not None and wait.until):
        text = f"{me} must say how long it waits: a wait for a time, and no other, has seconds or until"
        yield _fault(text, "wait_time", task=task.id)
    if wait.seconds is not None and not _is_time(wait.seconds, MAX_WAIT_SECONDS):
        yield _seconds(task, "seconds")
    if wait.until and not _is_moment(wait.until):
        text = f"{me} waits until {wait.until!r}, which is no time with a zone; write 2026-01-31T08:00:00Z"
        yield _fault(text, "wait_until", task=task.id, value=wait.until)
    if wait.kind == "signal" and not NAME.fullmatch(wait.name):
        text = f"{me} waits for the signal {wait.name!r}; use letters, digits and _ . : -, at most 100"
        yield _fault(text, "wait_name", task=task.id, value=wait.name)
    if wait.timeout_seconds is not None and (timed or not _is_time(wait.timeout_seconds, MAX_WAIT_SECONDS)):
        yield _seconds(task, "timeout_seconds")
    if wait.on_timeout not in ("fail", "continue"):
        text = f"{me} has on_timeout {wait.on_timeout!r}; use fail or continue"
        yield _fault(text, "wait_on_timeout", task=task.id, value=wait.on_timeout)


def _seconds(task: PlanTask, name: str) -> Fault:
    text = (
        f"{name} of task {task.id!r} must be a number of seconds from 0 to {MAX_WAIT_SECONDS:,.0f}; a wait "
        "for a time has no time-out"
    )
    return _fault(text, "wait_seconds", task=task.id, name=name, most=f"{MAX_WAIT_SECONDS:,.0f}")


def approval_faults(task: PlanTask, policy: ApprovalPolicy) -> Iterator[Fault]:
    me = f"task {task.id!r}"
    if not task.tool:
        text = f"{me} asks for an approval but calls no tool; agents have approvals in their profiles"
        yield _fault(text, "approval_tool", task=task.id)
    if said := policy.fault():
        text = f"the approval of {me} cannot be used: {said.text}"
        yield _fault(text, "approval", task=task.id, said=said.shown())


def _is_time(seconds: float, most: float) -> bool:
    return math.isfinite(seconds) and 0 <= seconds <= most


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
