"""Natural questions over the example company, through the whole product in one process."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.runs import NewRun, RunView
from tests.e2e.cli import make_home
from tests.e2e.handbook_questions import FRESH, LAST, OWN, TABLES, TRIED, Asked

LEAST_RIGHT, MOST_WRONG = 0.85, 0.08  # measured: 0.90 and 0.05


async def _ask(home: Path, asked: tuple[Asked, ...]) -> list[RunView]:
    async with open_platform(load_settings(home, {}), recover_all=False) as platform:

        async def answer(one: Asked) -> RunView:
            run_id = await platform.runs.create("default", NewRun(goal=one.question))
            return await platform.runs.wait("default", run_id)

        return [await answer(one) for one in asked]


def test_most_questions_are_answered_rightly_and_hardly_any_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (*TRIED, *OWN, *TABLES, *FRESH, *LAST)
    views = asyncio.run(_ask(make_home(tmp_path / "home"), asked))
    right, wrong = 0, 0
    with capsys.disabled():
        for one, view in zip(asked, views, strict=True):
            found, text = (view.answer.found, view.answer.text) if view.answer else (False, view.status)
            if one.holds(found, text):
                right += 1
                continue
            wrong += found
            print(f"\n{'WRONG' if found else 'not found'}: {one.question}\n    {text}", end="")
        print(f"\nhandbook: {len(asked)} questions, {right} right, {wrong} wrong")
    assert right >= LEAST_RIGHT * len(asked)
    assert wrong <= MOST_WRONG * len(asked)
