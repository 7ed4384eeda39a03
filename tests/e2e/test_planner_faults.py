"""What becomes of a run whose planning model is refused, silent, or talks nonsense: never a silent
change of plan."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.e2e.cli import environment, make_home
from tests.e2e.within import flowmatik

GOAL = "What is the harbour master called?"
CIRCULAR = Step(text=json.dumps({"reason": "r", "tasks": [
    {"id": "ask", "objective": "ask", "skill": "documents", "needs": ["check"]},
    {"id": "check", "objective": "check", "skill": "documents", "needs": ["ask"]},
]}))  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("planner") / "home", "--no-examples")


def asked(model: OpenAIServer, home: Path, *options: str, **settings: str) -> tuple[int, str, list[Any]]:
    """Exit code, what was said to the person, and the lines of JSON, if asked for."""
    env = environment(
        FLOWMATIK_MODEL_BASE_URL=model.base_url,
        FLOWMATIK_MODEL="custom/planner",
        FLOWMATIK_EMBEDDINGS="false",
        **settings,
    )
    done = flowmatik("--home", str(home), *options, "run", GOAL, env=env)
    lines = [json.loads(line) for line in done.stdout.splitlines()] if "--json" in options else []
    return done.returncode, done.stderr + done.stdout, lines


def kinds(lines: list[Any]) -> list[str]:
    return [line["type"].removeprefix("flowmatik.") for line in lines]


def test_a_key_that_the_provider_refuses_ends_the_run_before_any_plan(home: Path) -> None:
    with OpenAIServer(Step(), key="the right one") as model:
        code, said, lines = asked(model, home, "--json", FLOWMATIK_MODEL_API_KEY="a wrong one")
        assert len(model.calls) == 1, "asking again cannot help"
    assert (code, lines[-1]["error"]["code"]) == (1, "model.key"), said
    assert "PlanAdopted" not in kinds(lines)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("warning: none of the model's 3 plans can run", "in a circle: ask → check → ask")),
        ("es", ("aviso: ninguno de los 3 planes del modelo se puede ejecutar", "ask → check → ask")),
    ],
)
def test_a_plan_that_stands_in_for_circular_ones_is_announced(
    home: Path, language: str, words: tuple[str, ...]
) -> None:
    with OpenAIServer(CIRCULAR) as model:
        _, said, _ = asked(model, home, "--lang", language)
    assert all(word in said for word in words), said


def test_the_journal_says_why_the_plan_is_not_the_models_and_replay_agrees(home: Path) -> None:
    with OpenAIServer(CIRCULAR) as model:
        _, said, lines = asked(model, home, "--json")
    rejected = [line["data"] for line in lines if line["type"] == "flowmatik.PlanRejected"]
    assert [one["details"][0]["code"] for one in rejected] == ["plan.circle"] * 3, said
    (adopted,) = (line["data"] for line in lines if line["type"] == "flowmatik.PlanAdopted")
    assert (adopted["planner"], adopted["reason_code"]) == ("local", "instead_of_rejected")
    assert "warning" in adopted["reason"]
    replayed = flowmatik("--home", str(home), "--json", "runs", "replay", lines[-1]["run_id"])
    assert json.loads(replayed.stdout)["differences"] == []


@pytest.mark.parametrize("kind", ["malformed", "wrong_shape"])
def test_an_answer_that_cannot_be_read_is_announced_too(home: Path, kind: Any) -> None:
    with OpenAIServer(Step(kind=kind)) as model:
        _, said, _ = asked(model, home)
    assert "warning: the model could not plan" in said


def test_a_provider_that_never_answers_ends_the_run_within_the_time_that_the_settings_give(
    home: Path,
) -> None:
    with OpenAIServer(Step(kind="silent")) as model:
        begun = time.monotonic()
        code, said, lines = asked(model, home, "--json", FLOWMATIK_MODEL_TIMEOUT_SECONDS="1")
        seconds = time.monotonic() - begun
        assert len(model.calls) == 1
    assert (code, lines[-1]["error"]["code"]) == (6, "model.unavailable.timeout"), said
    assert "within 1 s" in lines[-1]["error"]["message"]
    assert "model.timeout_seconds" in lines[-1]["error"]["message"]
    assert seconds < 30, "the start of the program, and one call"
