"""The ten example goals through the command line with the local model: facts, figures, sources."""

import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

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


def _numbers(text: str) -> list[float]:
    """Every number in a text, in plain, English or Spanish notation."""
    found: list[float] = []
    for token in re.findall(r"\d[\d.,]*", text):
        plain = token.strip(".,")
        for form in (plain.replace(",", ""), plain.replace(".", "").replace(",", ".")):
            if re.fullmatch(r"\d+(\.\d+)?", form):
                found.append(float(form))
    return found


@pytest.mark.parametrize("goal", GOALS, ids=[goal["id"] for goal in GOALS])
def test_an_example_goal_gets_its_facts_figures_and_sources(home: Path, goal: dict[str, Any]) -> None:
    expect: dict[str, list[Any]] = goal["expect"]
    code, result, events = run_goal(home, goal["goal"])
    answer = result["answer"]
    cited_as = [(c["source"], c.get("lines"), c["quote"]) for c in answer["citations"]]
    shown = "\n".join((goal["goal"], answer["text"], str(cited_as)))
    assert code == 0, shown
    assert result["status"] == "succeeded", shown
    assert answer["found"] is expect["found"], shown
    for group in expect.get("facts") or []:
        assert any(fact.lower() in answer["text"].lower() for fact in group), f"lacks {group}\n{shown}"
    for figure in expect.get("figures") or []:
        assert any(abs(n - figure) < 0.06 for n in _numbers(answer["text"])), f"lacks {figure}\n{shown}"
    cited = {Path(citation["source"]).name for citation in answer["citations"]}
    assert set(expect.get("sources_all") or []) <= cited, shown
    assert not set(expect.get("not_sources") or []) & cited, shown
    if not expect["found"]:
        assert cited == set(), shown
    workers = {e["data"]["agent"].split("@")[0] for e in events if e["type"] == "flowmatik.TaskRouted"}
    assert set(expect["agents"]) <= workers, f"{workers}\n{shown}"
    assert result["cost"]["usd"] == 0
    assert all(passed for _, passed, _ in map(_check, result["verified"])), result["verified"]


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
