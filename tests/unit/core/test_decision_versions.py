"""Runs that an older version decided are read and decided again as they stand."""

from dataclasses import replace
from typing import Any, cast

from flowmatik.agents import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Record
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine.requests import hash_again
from flowmatik.core.fold import apply, fold
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


def ended(version: int, *tasks: PlanTask, lost: tuple[str, ...] = ()) -> ev.Event:
    """What is decided when all these tasks have ended, those that are not lost with what they found."""
    state = RunState(created=created(version))
    apply(state, ev.PlanAdopted(planner="model", reason="", tasks=tasks), NoLoop())
    for task in sorted(state.tasks.values(), key=lambda task: len(task.spec.needs)):
        name = task.spec.id
        task.output = {"found": True, "text": f"{name} says", "citations": []}
        if name in lost:
            gone = ev.TaskFailed(task_id=name, code="model.unavailable", message=f"{name} failed")
            apply(state, gone, NoLoop())
        else:
            apply(state, ev.TaskSucceeded(task_id=name), NoLoop())
    (command,) = decide(state, NoLoop(), AT)
    assert isinstance(command, Record)
    return command.event


def answer(event: ev.Event) -> str:
    assert isinstance(event, ev.RunSucceeded)
    return event.answer.text


A, B = (PlanTask(id=name, objective=name, skill="documents") for name in "ab")
WRITER = PlanTask(id="w", objective="", skill="writing", needs=("a", "b"))
WRITER_OF_A = replace(WRITER, needs=("a",))


def test_before_version_four_the_answer_is_that_of_the_task_listed_last() -> None:
    assert answer(ended(3, WRITER, A, B)) == "b says"
    assert answer(ended(3, A, B, WRITER)) == "w says"
    assert answer(ended(3, A, B, WRITER, lost=("w",))) == "a says b says"
    assert answer(ended(3, A, B, lost=("a",))) == "b says"


def test_from_version_four_the_answer_is_that_of_the_task_that_the_others_lead_to() -> None:
    for tasks in ((WRITER, A, B), (A, WRITER, B), (A, B, WRITER)):
        assert answer(ended(4, *tasks)) == "w says"
        assert answer(ended(4, *tasks, lost=("a",))) == "w says", "a writer may do without one"


def test_from_version_four_a_plan_with_several_ends_is_answered_by_all_of_them_in_its_order() -> None:
    event = ended(4, WRITER_OF_A, A, B)
    assert answer(event) == "w says\n\nb says"
    assert isinstance(event, ev.RunSucceeded)
    assert event.answer.found
    failed = ended(4, A, B, lost=("a",))
    assert isinstance(failed, ev.RunFailed), "what was asked for and was not done is no success"
    assert (failed.code, failed.message) == ("model.unavailable", "a failed")


def test_from_version_four_a_writer_that_failed_is_stood_in_for_by_what_it_was_given() -> None:
    for tasks in ((WRITER, A, B), (A, B, WRITER)):
        assert answer(ended(4, *tasks, lost=("w",))) == "a says\n\nb says"
        assert answer(ended(4, *tasks, lost=("w", "a"))) == "b says"
    assert isinstance(ended(4, A, B, WRITER, lost=("a", "b", "w")), ev.RunFailed)
    last = PlanTask(id="l", objective="", skill="writing", needs=("b",))
    assert answer(ended(4, WRITER_OF_A, A, B, last, lost=("w",))) == "a says\n\nl says"


def planned(version: int, *rows: dict[str, Any]) -> ev.Event:
    """What becomes of this plan of a model."""
    skilled = AgentVersion(
        name="r", version="0", role="r", summary="", instructions="", skills=("documents",)
    )
    start = replace(created(version), model="custom/m", agents=(skilled,))
    state = RunState(created=start, plan_reply=ModelReply(text=canonical.dumps({"tasks": rows})))
    (command,) = decide(state, NoLoop(), AT)
    assert isinstance(command, Record)
    return command.event


def test_a_model_plan_with_a_task_without_an_id_is_refused_from_version_four_on() -> None:
    nameless: dict[str, Any] = {"id": "", "objective": "o", "skill": "documents", "needs": []}
    assert isinstance(planned(3, nameless), ev.PlanAdopted)
    rejected = planned(4, nameless)
    assert isinstance(rejected, ev.PlanRejected)
    assert rejected.errors == ("task number 1 has no id",)


def think(version: int, request_hash: str, *replies: ModelReply) -> list[StoredEvent]:
    """The history of one agent's run up to its answer, with what models were asked as hashes."""
    clerk = AgentVersion(name="clerk", version="0", role="clerk", summary="", instructions="Answer.")
    task = PlanTask(id="t1", objective="Who signs?", agent="clerk")
    begun = replace(created(version), agent="clerk", agents=(clerk,))
    events: list[ev.Event] = [
        begun,
        ev.RunClaimed(epoch=1, owner="w"),
        ev.PlanAdopted(planner="single", reason="", tasks=(task,)),
        ev.TaskRouted(task_id="t1", agent=clerk.ref(), model="local/extractive", reason="named in the plan"),
    ]
    for n, reply in enumerate(replies, start=1):
        events += [
            ev.CallRequested(
                call_id=f"call_{n}", kind="model", name="local/extractive", purpose="think", task_id="t1",
                effect=Effect.READ, idempotency_key="k", at=AT, start_by=AT, timeout=600.0,
                request_hash=request_hash,
            ),
            ev.CallSucceeded(call_id=f"call_{n}", reply=reply),
        ]  # fmt: skip
    events += [
        ev.TaskSucceeded(task_id="t1"),
        ev.RunSucceeded(at=AT, answer=Answer(text=replies[-1].text, found=True), verified=()),
    ]
    encoded = map(ev.encode, events)
    return [StoredEvent(seq=n, type=e.type, payload=e.payload, at=AT) for n, e in enumerate(encoded, start=1)]


def test_a_history_of_version_three_with_an_answer_that_was_cut_off_is_decided_again_as_it_was() -> None:
    history = think(3, "of other days", ModelReply(text="The pri", finish="length"))
    report = replay("run_1", history, ReducerLoop())
    assert report.differences == ()
    assert fold(history, ReducerLoop()).answer == Answer(text="The pri", found=True)


def test_from_version_four_a_replay_tells_that_a_model_would_be_asked_something_else() -> None:
    history = think(4, "0" * 64, ModelReply(text="She signs."))
    (difference,) = replay("run_1", history, ReducerLoop()).differences
    assert difference.startswith("seq 5: call think t1, request 000000000000 ≠ call think t1, request ")
    asked = hash_again(fold(history[:4], ReducerLoop()), cast("Any", ev.decode(history[4])), ReducerLoop())
    assert replay("run_1", think(4, asked, ModelReply(text="She signs.")), ReducerLoop()).differences == ()


def searched_in_vain(version: int) -> ev.Event:
    """What is decided once an agent's search met a store that cannot be read."""
    skilled = AgentVersion(
        name="r", version="0", role="r", summary="", instructions="", skills=("documents",),
        tools=("memory_search",),
    )  # fmt: skip
    start = replace(created(version), agents=(skilled,))
    task = PlanTask(id="t1", objective="Who signs?", skill="documents")
    asked = {"kind": "tool", "effect": Effect.READ, "idempotency_key": "k", "at": AT, "start_by": AT}
    events: list[ev.Event] = [
        ev.PlanAdopted(planner="given", reason="", tasks=(task,)),
        ev.TaskRouted(task_id="t1", agent=skilled.ref(), model="m", reason="r"),
        ev.CallRequested(call_id="c", name="memory_search", purpose="tool", task_id="t1",
                         tool_call_id="t1.0", timeout=5.0, **cast("Any", asked)),
        ev.CallFailed(call_id="c", code="unavailable.memory.damaged", message="damaged",
                      values={"path": "m.db"}),
    ]  # fmt: skip
    state, loop = RunState(created=start), ReducerLoop()
    for event in events:
        apply(state, event, loop)
    command = decide(state, loop, AT)[0]
    return command.event if isinstance(command, Record) else ev.TaskSucceeded(task_id="asks the model")


def test_from_version_four_a_task_whose_store_cannot_be_read_fails_by_that() -> None:
    assert isinstance(searched_in_vain(3), ev.TaskSucceeded)
    failed = searched_in_vain(4)
    assert isinstance(failed, ev.TaskFailed)
    assert (failed.code, failed.values["path"]) == ("unavailable.memory.damaged", "m.db")


def test_from_version_four_a_run_that_cannot_recall_ends_by_that() -> None:
    away = ev.CallFailed(call_id="c", code="unavailable.memory", message="locked")
    for version, kind in ((3, ev.PlanAdopted), (4, ev.RunFailed)):
        state = RunState(created=created(version), away=away)
        (command,) = decide(state, NoLoop(), AT)
        assert isinstance(command, Record)
        assert isinstance(command.event, kind)
