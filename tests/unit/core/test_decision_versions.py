"""Runs that an older version decided are read and decided again as they stand."""

from dataclasses import replace

from flowmatik.agents import ReducerLoop
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.decide import Record, decide
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.replay import replay
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from tests.unit.core.engines import NoLoop

AT = "2026-01-01T00:00:00+00:00"


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


def test_before_version_four_rankings_and_rows_are_asked_of_the_documents() -> None:
    described = {"tables": [{"name": "visits.csv", "columns": [{"name": "guest"}, {"name": "amount"}]}]}
    for version, skill in ((3, "documents"), (4, "tables")):
        state = RunState(created=replace(created(version), goal="Which guest spent the most?"))
        state.created.tools.update({"tables_describe": ev.PinnedTool(effect=Effect.READ, timeout=1.0)})
        state.recall_asked.add("recall_tables")
        state.recall["recall_tables"] = described
        (command,) = decide(state, NoLoop(), AT)
        assert isinstance(command, Record)
        assert isinstance(command.event, ev.PlanAdopted)
        assert [task.skill for task in command.event.tasks] == [skill]


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
