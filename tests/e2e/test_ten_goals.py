"""The ten example goals through the command line with the local model: facts, figures, sources."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from benchmarks.answers.asking import Answered
from benchmarks.answers.goals import lacking
from tests.e2e import within
from tests.e2e.cli import REPOSITORY, make_home, run_goal

GOALS = cast(
    "list[dict[str, Any]]",
    yaml.safe_load((REPOSITORY / "examples" / "goals.yaml").read_text(encoding="utf-8"))["goals"],
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("goals") / "home")


def test_there_are_ten_goals_half_of_them_in_spanish() -> None:
    assert len(GOALS) == 10
    assert sum(goal["lang"] == "es" for goal in GOALS) == 5


@pytest.mark.parametrize("goal", GOALS, ids=[goal["id"] for goal in GOALS])
def test_an_example_goal_gets_its_facts_figures_and_sources(home: Path, goal: dict[str, Any]) -> None:
    code, result, events = run_goal(home, goal["goal"], program=within.flowmatik)
    answer = result["answer"]
    citations = [(c["source"], c.get("lines"), c["quote"]) for c in answer["citations"]]
    shown = "\n".join((goal["goal"], answer["text"], str(citations)))
    assert code == 0, shown
    assert result["status"] == "succeeded", shown
    workers = [e["data"]["agent"].split("@")[0] for e in events if e["type"] == "flowmatik.TaskRouted"]
    answered = Answered(
        text=answer["text"] if answer["found"] else "",
        quotes=tuple(quote for _, _, quote in citations),
        sources=tuple(Path(source).name for source, _, _ in citations),
        agents=tuple(workers),
        seconds=result["seconds"],
    )
    assert lacking(goal["expect"], answered) == [], shown
    if not goal["expect"]["found"]:
        assert citations == [], shown
    assert result["cost"]["usd"] == 0
    assert all(passed for _, passed, _ in map(_check, result["verified"])), result["verified"]
    assert recorded_and_replayed(home, result["run_id"]) == 0


def recorded_and_replayed(home: Path, run_id: str) -> int:
    """The replay's exit code: 0 when every decision and request came out the same."""
    file = home.parent / f"{run_id}.json"
    done = within.flowmatik("--home", str(home), "runs", "record", run_id, "-o", str(file))
    assert done.returncode == 0, done.stderr
    assert "parts from its record" not in done.stderr
    return within.flowmatik("--json", "runs", "replay", "--recording", str(file)).returncode


def _check(check: Any) -> tuple[str, bool, str]:
    if isinstance(check, dict):
        row = cast("dict[str, Any]", check)
        return str(row.get("check", row.get("name"))), bool(row["passed"]), str(row.get("detail", ""))
    return cast("tuple[str, bool, str]", tuple(check))


def test_every_quote_stands_in_its_source_where_the_citation_says(home: Path) -> None:
    _, result, _ = run_goal(home, next(goal["goal"] for goal in GOALS if goal["id"] == "es-kilometraje"))
    citations = [c for c in result["answer"]["citations"] if c.get("lines")]
    assert citations
    for citation in citations:
        (path,) = (home / "documents").rglob(Path(citation["source"]).name)
        first, last = citation["lines"]
        text = "\n".join(path.read_text(encoding="utf-8").splitlines()[first - 1 : last])
        assert citation["quote"] in text
