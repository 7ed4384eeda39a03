"""What a run may not be asked is refused by name, whoever asks, before there is a run."""

from collections.abc import Sequence
from typing import Any

import pytest

from flowmatik.app.texts import Texts
from flowmatik.contracts.memory import is_among
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import MAX_BUDGET_MICROS, MAX_DEADLINE_SECONDS, NewRun, RunStatus
from flowmatik.kernel.errors import InvalidInput
from tests.unit.core.engines import running_engine

WS = "default"
STEP = PlanTask(id="s", objective="", tool="echo")


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"deadline_seconds": 1e12}, "input.deadline", ("1000000000000", "at most 31,622,400 s")),
        ({"deadline_seconds": float("inf")}, "input.deadline", ("inf s", "31,622,400")),
        ({"deadline_seconds": float("nan")}, "input.deadline", ("nan s", "31,622,400")),
        ({"deadline_seconds": 0.0}, "input.deadline", ("0", "more than 0")),
        ({"budget_micros": 2**63}, "input.amount", (str(2**63), "1,000,000,000,000,000")),
        ({"budget_micros": -1}, "input.amount", ("-1", "from 0")),
        (
            {"plan": (PlanTask(id="dear", objective="", tool="echo", budget_micros=2**70),)},
            "input.amount",
            ("task 'dear'", str(2**70)),
        ),
        ({"language": "fr"}, "input.language", ("'fr'", "en, es")),
        ({"goal": "a\0b"}, "input.nul", ("goal", "U+0000")),
        ({"sources": ("a.md", "b\0.md")}, "input.nul", ("sources", "U+0000")),
        ({"idempotency_key": "\0"}, "input.nul", ("idempotency_key",)),
        ({"agent": "\0"}, "input.nul", ("agent",)),
        ({"sources": ("a.md", "misspelt.md", "b")}, "input.sources", ("'misspelt.md'", "memory list")),
    ],
)
async def test_it_is_refused_with_its_name_its_value_and_what_there_may_be(
    asked: dict[str, Any], code: str, words: tuple[str, ...]
) -> None:
    values: dict[str, Any] = {"goal": "x", "plan": (STEP,)}
    async with running_engine(sources=Index("a.md", "b/c.md")) as engine:
        with pytest.raises(InvalidInput) as refused:
            await engine.runs.create(WS, NewRun(**(values | asked)))
        assert (await engine.runs.list(WS)).items == ()
    assert refused.value.code == code
    assert all(word in refused.value.message for word in words)
    assert all(word in Texts("en").error(refused.value) for word in words)
    assert words[0] in Texts("es").error(refused.value)


async def test_what_is_just_within_bounds_is_taken() -> None:
    new = NewRun(
        goal="x",
        plan=(STEP,),
        budget_micros=MAX_BUDGET_MICROS,
        deadline_seconds=MAX_DEADLINE_SECONDS,
        language="es",
        sources=("a.md", "b", "b/", "b/c.md"),
    )
    async with running_engine(sources=Index("a.md", "b/c.md")) as engine:
        view = await engine.runs.wait(WS, await engine.runs.create(WS, new))
    assert view.status is RunStatus.SUCCEEDED


class Index:
    """A `SourceIndex` of fixed names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def missing(self, workspace_id: str, sources: Sequence[str], principal: str) -> list[str]:
        return [one for one in sources if not any(is_among(name, [one]) for name in self._names)]
