"""The Brain's pure parts: splitting goals, finding skills, refusing bad plans."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.brain import local_planner, plan
from flowmatik.kernel.errors import PlanInvalid

AGENTS = (
    AgentVersion(
        name="reader", version="1", role="researcher", summary="", instructions="", skills=("documents",)
    ),
    AgentVersion(name="writer", version="1", role="writer", summary="", instructions="", skills=("writing",)),
)
TABLES: dict[str, Any] = {
    "tables": [
        {
            "name": "shipments.csv",
            "columns": [{"name": "shipped_on"}, {"name": "weight_kg"}, {"name": "port"}],
        }
    ]
}


@pytest.mark.parametrize(
    ("goal", "parts"),
    [
        ("Who signs it?", ["Who signs it?"]),
        ("Who signs it and when does it end?", ["Who signs it", "when does it end?"]),
        ("¿Quién firma y cuándo acaba?", ["¿Quién firma", "cuándo acaba?"]),
        ("Salt and pepper", ["Salt and pepper"]),
        ("What is it? Where is it?", ["What is it?", "Where is it?"]),
        ("¿Qué es? ¿Dónde está?", ["¿Qué es?", "¿Dónde está?"]),
        ("¿Qué cuesta y a qué hora abre?", ["¿Qué cuesta", "a qué hora abre?"]),
    ],
)
def test_a_goal_is_split_into_its_questions(goal: str, parts: list[str]) -> None:
    assert local_planner.split_goal(goal) == parts


@given(st.text(min_size=1).filter(lambda text: text.strip() != ""))
def test_no_goal_is_split_into_nothing(goal: str) -> None:
    assert all(part.strip() for part in local_planner.split_goal(goal))
    assert local_planner.split_goal(goal)


@pytest.mark.parametrize(
    ("question", "skill"),
    [
        ("How many shipments left the port in May?", "tables"),
        ("¿Cuál fue el peso medio (weight_kg) de los shipments?", "tables"),
        ("What is the highest weight shipped?", "tables"),
        ("Who is told when a shipment is late?", "documents"),
        ("How many days of leave do we have?", "documents"),
    ],
)
def test_a_question_goes_to_the_tables_only_if_it_asks_for_an_aggregate_of_theirs(
    question: str, skill: str
) -> None:
    made = local_planner.plan(question, TABLES)
    assert [task.skill for task in made.tasks] == [skill]


VISITS: dict[str, Any] = {
    "tables": [
        {
            "name": "visits.csv",
            "rows": 2,
            "columns": [
                {"name": "visit_id"},
                {"name": "guest", "values": ["Ana Roig", "Bo Lind"]},
                {"name": "amount"},
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("question", "skill"),
    [
        ("Which guest spent the most?", "tables"),
        ("¿Qué guest gastó más?", "tables"),
        ("What was the most expensive visit?", "tables"),
        ("What is the amount of visit V-0007?", "tables"),
        ("What is the amount of Ana Roig?", "tables"),
        ("Who is Ana Roig?", "documents"),
        ("Which guest may stay the most nights?", "documents"),
        ("¿Quién firma una visit de más de 300 euros?", "documents"),
        ("Which tower is the tallest?", "documents"),
        ("What does article A-12 of the statutes say?", "documents"),
    ],
)
def test_rankings_and_rows_of_the_tables_go_to_them_where_the_run_knows_of_them(
    question: str, skill: str
) -> None:
    made = local_planner.plan(question, VISITS, ranks=True)
    assert [task.skill for task in made.tasks] == [skill]


def test_without_tables_everything_goes_to_the_documents() -> None:
    made = local_planner.plan("How many shipments were there?", {})
    assert [task.skill for task in made.tasks] == ["documents"]


def _task(task_id: str, *needs: str, skill: str = "documents") -> PlanTask:
    return PlanTask(id=task_id, objective="do it", skill=skill, needs=needs)


@pytest.mark.parametrize(
    ("tasks", "fault"),
    [
        ((), "no tasks"),
        ((_task("a", "b"), _task("b", "a")), "circle: a → b → a"),
        ((_task("a", "a"),), "circle: a → a"),
        ((_task("a", "ghost"),), "'ghost', which no task produces"),
        ((_task("a", "b"), _task("b", "c"), _task("c", "b")), "circle: b → c → b"),
        ((_task("a"), _task("a")), "'a' occurs more than once"),
        ((_task("a"), _task("", "b"), _task("b", "")), "task number 2 has no id"),
        ((_task(" "),), "task number 1 has no id"),
        ((_task("a", skill="juggling"),), "'juggling'"),
        (tuple(_task(f"t{n}") for n in range(25)), "at most 24"),
        ((PlanTask(id="a", objective="", tool="nope"),), "'nope', which does not exist"),
    ],
)
def test_a_plan_that_cannot_run_is_refused_with_its_fault(tasks: tuple[PlanTask, ...], fault: str) -> None:
    with pytest.raises(PlanInvalid, match=fault):
        plan.check(tasks, AGENTS, frozenset())


def test_of_a_plan_with_far_too_many_tasks_that_alone_is_said_however_long_its_chain() -> None:
    chain = tuple(_task(f"t{n}", f"t{n + 1}", skill="juggling") for n in range(20_000))
    (fault,) = plan.faults(chain, AGENTS, frozenset())
    assert fault.text == "the plan has 20000 tasks; at most 24 are allowed"
    assert [found.code for found in plan.faults(chain[:24], AGENTS, frozenset())][-1] == "plan.skill"


def test_a_circle_at_the_end_of_a_chain_longer_than_the_stack_is_found() -> None:
    """In the versions that name every fault of a plan that is too large."""
    chain = (*(_task(f"t{n}", f"t{n + 1}") for n in range(3000)), _task("t3000", "t2999"))
    assert plan.faults(chain, AGENTS, frozenset(), 3)[-1].values == {"way": "t2999 → t3000 → t2999"}


def test_a_sound_plan_passes_and_several_results_get_a_writer() -> None:
    tasks = plan.with_writer((_task("a"), _task("b", "a")))
    plan.check(tasks, AGENTS, frozenset())
    assert tasks[-1].skill == "writing"
    assert tasks[-1].needs == ("a", "b")


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"tasks": 3}', '{"tasks": [{"id": "a"}]}'])
def test_an_unreadable_model_plan_is_invalid_and_says_what_to_do(text: str) -> None:
    with pytest.raises(PlanInvalid, match="JSON"):
        plan.parse_model_plan(text)
