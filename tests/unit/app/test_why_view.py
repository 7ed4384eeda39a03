"""Why a task went to its agent, in both languages."""

from dataclasses import replace

import pytest

from flowmatik.app.cli.why_view import why_lines
from flowmatik.contracts.routing import RouteCandidate, RouteView
from tests.unit.app.samples import session, task

PARTS = {"fit": 0.4, "success": 0.225, "cost": 0.05, "speed": 0.05, "exploration": -0.01}
ROUTE = RouteView(
    reason="the best of 3 with the skill 'documents' for this task",
    code="best",
    values={"count": 3, "skill": "documents"},
    candidates=(
        RouteCandidate(agent="researcher@1", model="m", score=0.715, parts=PARTS),
        RouteCandidate(agent="clerk@2", model="m", score=0.5, parts={"fit": 0.2}),
    ),
    learned=12,
    seed="5eed",
)


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "→ researcher: the best of 3 agents with the skill 'documents' for this task",
                "  researcher 0.715 (fit +0.400, success +0.225, cost +0.050, speed +0.050, "
                "exploration -0.010)",
                "  clerk 0.500 (fit +0.200)",
                "  by version 12 of what was learned; exploration drew from seed 5eed",
            ],
        ),
        (
            "es",
            [
                "→ researcher: el mejor de 3 agentes con la habilidad 'documents' para esta tarea",
                "  researcher 0.715 (encaje +0.400, éxito +0.225, coste +0.050, rapidez +0.050, "
                "exploración -0.010)",
                "  clerk 0.500 (encaje +0.200)",
                "  según la versión 12 de lo aprendido; la exploración salió de la semilla 5eed",
            ],
        ),
    ],
)
def test_the_reason_is_followed_by_who_was_weighed_and_how(language: str, lines: list[str]) -> None:
    assert list(why_lines(session(language), replace(task(), route=ROUTE))) == lines


def test_where_a_model_was_chosen_it_is_named_and_why_others_could_not_be_taken() -> None:
    route = RouteView(
        reason="the best of its 2 models for this task",
        code="best_model",
        values={"models": 2},
        candidates=(
            RouteCandidate(agent="clerk@2", model="x/big", score=0.5, parts={"cost": 0.1}),
            RouteCandidate(agent="clerk@2", model="x/mini", score=0.6, barred="tried"),
        ),
        models=("x/mini", "x/big"),
        learned=3,
    )
    assert list(why_lines(session(), replace(task(), route=route))) == [
        "→ clerk (x/big): of 2 models the best for this task",
        "  clerk (x/big) 0.500 (cost +0.100)",
        "  clerk (x/mini) 0.600 (); not taken: the task was tried with it already",
        "  by version 3 of what was learned; without exploration",
    ]


def test_where_there_was_no_choice_the_reason_stands_alone_and_steps_have_none() -> None:
    only = RouteView(reason="named in the plan", code="named")
    assert list(why_lines(session(), replace(task(), route=only))) == ["→ researcher: the plan names it"]
    assert list(why_lines(session(), task())) == []
