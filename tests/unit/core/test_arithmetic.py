"""The local planner knows arithmetic from questions that need a document or a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.app.texts import Texts
from flowmatik.contracts.agents import AgentLoop, AgentVersion, LoopDone, LoopState
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain import local_planner
from flowmatik.core.brain.commands import Record
from flowmatik.core.brain.decide import decide
from flowmatik.core.state import RunState, TaskState
from tests.unit.core.engines import NoLoop
from tests.unit.sums import CALCULATIONS, OTHERS

AT = "2026-01-01T00:00:00+00:00"
SUM = "How much is 12 * 7.5?"
HOURS: dict[str, Any] = {
    "tables": [{"name": "hours.csv", "columns": [{"name": "minutes"}, {"name": "total"}]}]
}


@pytest.mark.parametrize("question", [question for question, _, _ in CALCULATIONS])
def test_arithmetic_is_known_by_its_shape(question: str) -> None:
    assert local_planner.is_calculation(question)


@pytest.mark.parametrize("question", OTHERS)
def test_a_question_with_any_other_word_is_none(question: str) -> None:
    assert not local_planner.is_calculation(question)


@given(st.text(alphabet=st.sampled_from("12.,+-*/%()x€$ hkmaeyto¿?")))
def test_any_text_is_told_apart(text: str) -> None:
    assert local_planner.is_calculation(text) in (True, False)


@pytest.mark.parametrize("tables", [{}, HOURS], ids=["no tables", "tables"])
def test_arithmetic_goes_to_who_computes_with_tables_and_without(tables: dict[str, Any]) -> None:
    made = local_planner.plan("¿Cuántos minutos son 3 h + 20 min?", tables, calculates=True)
    assert [task.skill for task in made.tasks] == ["tables"]
    assert made.values == {"questions": 1, "documents": 0, "tables": 0, "calculations": 1}
    assert made.reason == "1 question(s): 0 for documents, 0 for tables, 1 to calculate"


def test_each_part_of_a_goal_has_its_kind_and_the_texts_count_them() -> None:
    goal = f"{SUM} How many minutes in total? Who signs?"
    made = local_planner.plan(goal, HOURS, calculates=True)
    assert [task.skill for task in made.tasks] == ["tables", "tables", "documents"]
    said = {language: Texts(language).said(f"plan.{made.code}", made.values, "") for language in ("en", "es")}
    assert said == {
        "en": "3 questions: 1 for documents, 1 for tables, 1 to calculate",
        "es": "3 preguntas: 1 para los documentos, 1 para las tablas, 1 de cálculo",
    }


def test_a_plan_without_arithmetic_is_what_it_was() -> None:
    assert local_planner.plan("Who signs?", {}, calculates=True) == local_planner.plan("Who signs?", {})


def agent(name: str, skill: str, *tools: str) -> AgentVersion:
    return AgentVersion(
        name=name, version="1", role=name, summary="", instructions="", skills=(skill,), tools=tools
    )


def created(goal: str, version: int, *tools: str) -> ev.RunCreated:
    agents = (agent("reader", "documents"), agent("reckoner", "tables", *tools))
    return ev.RunCreated(
        run_id="run_1",
        workspace_id="w",
        goal=goal,
        created_at=AT,
        model="local/extractive",
        agents=agents,
        decision_version=version,
    )


@pytest.mark.parametrize(
    ("version", "tools", "skill"),
    [(4, ("calculate",), "tables"), (3, ("calculate",), "documents"), (4, (), "documents")],
    ids=["now", "before version four", "nobody calculates"],
)
def test_arithmetic_is_calculated_from_version_four_by_an_agent_that_can(
    version: int, tools: tuple[str, ...], skill: str
) -> None:
    (command,) = decide(RunState(created=created(SUM, version, *tools)), NoLoop(), AT)
    assert isinstance(command, Record)
    assert isinstance(command.event, ev.PlanAdopted)
    assert [task.skill for task in command.event.tasks] == [skill]


@pytest.mark.parametrize(
    ("version", "goal", "event"),
    [
        (4, "What is 1/0?", "TaskSucceeded"),
        (3, "What is 1/0?", "TaskReplanned"),
        (4, "Total?", "TaskReplanned"),
    ],
)
def test_what_cannot_be_calculated_is_not_looked_for_in_documents(
    version: int, goal: str, event: str
) -> None:
    state = RunState(created=created(goal, version, "calculate"))
    output: dict[str, Any] = {"found": False, "text": "no", "citations": []}
    spec = PlanTask(id="t1", objective=goal, skill="tables")
    task = TaskState(spec=spec, status=TaskStatus.RUNNING)
    task.loop, task.agent = LoopState(messages=(), done=LoopDone(output=output)), state.created.agents[1]
    task.verification, task.passed = {"passed": True}, True
    state.tasks["t1"] = state.live["t1"] = task
    loop: AgentLoop = NoLoop()
    (command,) = decide(state, loop, AT)
    assert isinstance(command, Record)
    assert type(command.event).__name__ == event
