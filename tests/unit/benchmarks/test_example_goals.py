"""What an answer to an example goal lacks is said, each thing by name."""

from typing import Any

import pytest

from benchmarks.answers.asking import Answered
from benchmarks.answers.goals import lacking, numbers

EXPECT: dict[str, Any] = {
    "found": True,
    "facts": [["20 days", "twenty days"]],
    "figures": [446590],
    "sources_all": ["a.md"],
    "not_sources": ["old.md"],
    "agents": ["researcher"],
}


def answered(
    text: str, sources: tuple[str, ...] = ("a.md",), agents: tuple[str, ...] = ("researcher",)
) -> Answered:
    return Answered(text=text, quotes=(), sources=sources, agents=agents, seconds=0.1)


def test_an_answer_with_all_of_it_lacks_nothing() -> None:
    assert lacking(EXPECT, answered("Twenty days, and 446.590,00 in all.")) == []


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (answered(""), ["found is False", "lacks ['20 days', 'twenty days']", "lacks 446590"]),
        (answered("20 days, 446,591"), ["lacks 446590"]),
        (answered("20 days, 446590", sources=("old.md",)), ["does not cite a.md", "cites old.md"]),
        (answered("20 days, 446590", agents=("analyst",)), ["researcher did not work"]),
    ],
)
def test_what_is_lacking_is_named(given: Answered, wrong: list[str]) -> None:
    assert lacking(EXPECT, given) == wrong


def test_numbers_are_read_in_both_notations() -> None:
    assert 446590.5 in numbers("446,590.50")
    assert 446590.5 in numbers("446.590,50")
    assert numbers("no figure at all") == []
