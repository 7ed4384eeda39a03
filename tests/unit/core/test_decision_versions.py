"""Runs that an older version decided are read and decided again as they stand."""

from dataclasses import replace

from flowmatik.agents import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check
from flowmatik.core import events as ev
from flowmatik.core.brain.decide import Record, decide
from flowmatik.core.fold import fold
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.replay import replay
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from tests.unit.core.engines import NoLoop

AT = "2026-01-01T00:00:00+00:00"
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")


def created(version: int) -> ev.RunCreated:
    return ev.RunCreated(
        run_id="run_1",
        workspace_id="w",
        goal="Who signs?",
        created_at=AT,
        model="local/extractive",
        decision_version=version,
    )


def stored(seq: int, type_: str, **payload: object) -> StoredEvent:
    return StoredEvent(seq=seq, type=type_, payload=canonical.dumps(payload), at=AT)


def test_a_plan_of_the_first_version_has_words_alone_and_a_new_one_a_code_beside_them() -> None:
    def adopted(version: int) -> ev.PlanAdopted:
        (command,) = decide(RunState(created=created(version)), NoLoop(), AT)
        assert isinstance(command, Record)
        assert isinstance(command.event, ev.PlanAdopted)
        return command.event

    old, new = adopted(1), adopted(2)
    assert (old.reason_code, old.values) == ("", {})
    assert new.reason_code == "questions"
    assert new.values == {"questions": 1, "documents": 1, "tables": 0}
    assert old.reason == new.reason == "1 question(s): 1 for documents, 0 for tables"


def test_a_history_of_the_first_version_is_decided_again_without_a_difference() -> None:
    first = canonical.loads(ev.encode(created(1)).payload)
    task = canonical.loads(canonical.dumps(PlanTask(id="t1", objective="Who signs?", skill="documents")))
    history = [
        stored(1, "RunCreated", **first),
        stored(2, "RunClaimed", epoch=1, owner="w"),
        stored(3, "PlanAdopted", planner="local", tasks=[task],
               reason="1 question(s): 1 for documents, 0 for tables"),
        stored(4, "TaskFailed", task_id="t1", code="route.none",
               message="no agent of this run has the skill 'documents'"),
        stored(5, "RunFailed", at=AT, code="route.none",
               message="no agent of this run has the skill 'documents'"),
    ]  # fmt: skip
    report = replay("run_1", history, ReducerLoop())
    assert report.differences == ()
    assert report.decisions == 3


def planless(version: int, code: str) -> ev.Event:
    """What is decided once the model's plan has failed by `code`."""
    failure = ev.CallFailed(call_id="call_1", code=code, message="it failed", values={"model": "custom/m"})
    state = RunState(created=replace(created(version), model="custom/m"), plan_failed=True)
    state.plan_failure = failure
    (command,) = decide(state, NoLoop(), AT)
    assert isinstance(command, Record)
    return command.event


def test_before_version_three_a_failed_plan_is_replaced_without_a_word() -> None:
    for code in ("model.key", "model.unavailable", "model.malformed"):
        old = planless(2, code)
        assert isinstance(old, ev.PlanAdopted)
        assert (old.planner, old.reason_code) == ("local", "questions")


def test_from_version_three_a_failed_plan_is_told_or_ends_the_run() -> None:
    told = planless(3, "model.malformed")
    assert isinstance(told, ev.PlanAdopted)
    assert (told.planner, told.reason_code) == ("local", "instead_of_failed")
    assert "it failed" in told.reason
    for code in ("model.key", "model.credit", "model.unavailable", "model.unavailable.timeout"):
        ended = planless(3, code)
        assert isinstance(ended, ev.RunFailed)
        assert (ended.code, ended.message) == (code, "it failed")


def test_checks_are_read_as_tuples_of_words_as_rows_with_codes_and_as_objects() -> None:
    row = ["cited", True, "1 citations", "cited.some", {"count": 1}]
    whole = {"criterion": "cited", "passed": True, "detail": "1 citations", "code": "cited.some",
             "values": {"count": 1}}  # fmt: skip
    event = ev.decode(stored(1, "TaskVerified", task_id="t", passed=True, checks=[row[:3], row, whole]))
    assert isinstance(event, ev.TaskVerified)
    old, *new = event.checks
    assert old == Check(criterion="cited", passed=True, detail="1 citations")
    assert new == [Check(criterion="cited", passed=True, detail="1 citations", code="cited.some",
                         values={"count": 1})] * 2  # fmt: skip


def refused(of_task: bool | None) -> list[StoredEvent]:
    """A call of one of two tasks is refused; None: as it was recorded before there was a choice."""
    begun = replace(created(3 if of_task is None else 4), agents=(CLERK,))
    tasks = [PlanTask(id=name, objective="o", agent="clerk", criteria=()) for name in ("a", "b")]
    event: dict[str, object] = {
        "call_id": "call_1",
        "purpose": "think",
        "task_id": "a",
        "tool_call_id": "",
        "code": "budget.exhausted",
        "message": "no money",
        "values": {"left_usd": 0.0},
    }
    if of_task is not None:
        event["of_task"] = of_task
    return [
        stored(1, "RunCreated", **canonical.loads(ev.encode(replace(begun, plan=tuple(tasks))).payload)),
        stored(2, "RunClaimed", epoch=1, owner="w"),
        stored(3, "PlanAdopted", planner="given", reason="", tasks=tasks),
        stored(4, "TaskRouted", task_id="a", agent=CLERK.ref(), model="local/extractive",
               reason="named in the plan"),
        stored(5, "CallRefused", **event),
    ]  # fmt: skip


def test_a_refusal_ends_the_run_unless_it_says_that_it_is_of_the_task() -> None:
    for of_task in (None, False):
        state = fold(refused(of_task), ReducerLoop())
        (command,) = decide(state, ReducerLoop(), AT)
        assert isinstance(command, Record)
        assert isinstance(command.event, ev.RunFailed)
        assert (command.event.code, command.event.values) == ("budget.exhausted", {"left_usd": 0.0})
        ended = stored(6, "RunFailed", **canonical.loads(ev.encode(command.event).payload))
        assert replay("run_1", [*refused(of_task), ended], ReducerLoop()).differences == ()
    state = fold(refused(True), ReducerLoop())
    (command,) = decide(state, ReducerLoop(), AT)
    assert isinstance(command, Record)
    assert isinstance(command.event, ev.TaskFailed)
    assert (command.event.task_id, command.event.values["left_usd"]) == ("a", 0.0)
    assert not state.stopping
