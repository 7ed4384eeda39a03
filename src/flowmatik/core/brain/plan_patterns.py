"""Validation of votes and gates in a plan."""

from collections.abc import Iterator, Mapping, Sequence

from flowmatik.contracts.plans import MOST_ROUNDS, PlanTask, RepeatSpec, VoteSpec
from flowmatik.contracts.tools import Effect
from flowmatik.core.brain.plan_faults import Fault, fault


def pattern_faults(tasks: Sequence[PlanTask], agents: set[str]) -> Iterator[Fault]:
    """`agents`: how they may be named. The plan has no circle."""
    specs = {task.id: task for task in tasks}
    for task in tasks:
        if task.vote is not None:
            yield from _vote_faults(task, task.vote, agents)
        if task.repeat is not None:
            yield from _repeat_faults(task, task.repeat, specs)


def _vote_faults(task: PlanTask, vote: VoteSpec, agents: set[str]) -> Iterator[Fault]:
    me, count = f"task {task.id!r}", len(set(task.needs))
    if task.tool or task.wait or task.below or task.repeat or task.agent or task.skill:
        text = f"{me} counts a vote, so it can be nothing else, and has no agent or skill but its judge"
        yield fault(text, "vote_alone", task=task.id)
    if count < 2:
        yield fault(f"{me} counts a vote of {count}; it needs two tasks at least", "vote_needs", task=task.id)
    elif vote.quorum is not None and not 1 <= vote.quorum <= count:
        text = f"{me} asks for {vote.quorum} equal answers of {count}; it must be from 1 to {count}"
        yield fault(text, "vote_quorum", task=task.id, quorum=vote.quorum, count=count)
    if vote.judge and vote.judge not in agents:
        text = f"{me} names the judge {vote.judge!r}, an agent that this run does not have"
        yield fault(text, "vote_judge", task=task.id, agent=vote.judge)


def _repeat_faults(task: PlanTask, repeat: RepeatSpec, specs: dict[str, PlanTask]) -> Iterator[Fault]:
    me = f"task {task.id!r}"
    if task.tool or task.wait or task.below:
        text = f"{me} sends back, so an agent must do it: it has no tool, wait, run or map"
        yield fault(text, "repeat_alone", task=task.id)
    if not 1 <= repeat.rounds <= MOST_ROUNDS:
        text = f"{me} has {repeat.rounds} rounds; it must be from 1 to {MOST_ROUNDS}"
        yield fault(text, "repeat_rounds", task=task.id, rounds=repeat.rounds, most=MOST_ROUNDS)
    if not repeat.until.strip():
        yield fault(f"{me} does not say until what it sends back", "repeat_until", task=task.id)
    again = between(specs, repeat.task, task.id) if repeat.task in specs else ()
    leads = any(need in again for need in task.needs)
    if repeat.task == task.id or not leads:
        text = f"{me} sends back to {repeat.task!r}, which does not lead to it"
        yield fault(text, "repeat_task", task=task.id, need=repeat.task)
        return
    for name in again:
        spec = specs[name]
        if spec.tool or spec.wait or spec.below or spec.effect is not Effect.READ:
            text = f"{me} would do {name!r} again, which does more than find something out; put it behind"
            yield fault(text, "repeat_effect", task=task.id, need=name)
    for other in specs.values():
        early = [need for need in other.needs if need in again[:-1]]
        if other.id not in again and early and task.id not in other.needs:
            text = (
                f"task {other.id!r} needs {early[0]!r}, which {task.id!r} may have done again; let it need "
                f"{task.id!r} too"
            )
            yield fault(text, "repeat_outside", task=other.id, need=early[0], gate=task.id)


def between(specs: Mapping[str, PlanTask], first: str, last: str) -> tuple[str, ...]:
    """The first task, those that lie on a way to the last, and the last one; in this order."""
    before = _reached(last, {name: spec.needs for name, spec in specs.items()})
    behind: dict[str, list[str]] = {}
    for name, spec in specs.items():
        for need in spec.needs:
            behind.setdefault(need, []).append(name)
    after = _reached(first, behind)
    return (first, *(name for name in specs if name in before and name in after), last)


def _reached(start: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    left = [*ways.get(start, ())]
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += ways.get(name, ())
    return found
