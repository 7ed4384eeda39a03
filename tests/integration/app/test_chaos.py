"""A thousand runs with a model server of which a fifth of the answers are errors and a tenth are of no use:
each ends, with an answer or with a reason, within its budget, and none goes round in circles."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse

RUNS = 1000
SEED = 20
USED = (400, 300)  # tokens of a call, a thousand millionths of a dollar
BUDGET = 12_000  # millionths; a call sets aside about 4,500, so that some runs cannot afford all they want
MOST_EVENTS = 150
SECONDS = 240.0
SETTINGS = """
[embeddings]
enabled = false
[prices]
"custom/scripted" = { input = 1.0, output = 2.0 }
"""
PLANNING = "You plan how a goal is answered"
ERRORS = (
    Step(kind="error", status=500),
    Step(kind="error", status=503),
    Step(kind="malformed"),
    Step(kind="truncated"),
    Step(kind="wrong_shape"),
    Step(kind="rate_limited", retry_after=0.01),
)


def plan(*tasks: tuple[str, str, list[str]]) -> str:
    rows = [{"id": name, "objective": name, "skill": skill, "needs": needs} for name, skill, needs in tasks]
    return json.dumps({"reason": "by chance", "tasks": rows, "alternatives": []})


PLANS = (
    plan(("a", "documents", [])),
    plan(("a", "documents", []), ("b", "documents", [])),
    plan(("a", "documents", []), ("b", "documents", ["a"]), ("c", "writing", ["a", "b"])),
)
NO_PLANS = (
    "I would rather not.",
    plan(("a", "alchemy", [])),
    plan(("a", "documents", ["b"]), ("b", "documents", ["a"])),
    plan(),
)
LOST = {"found": False, "text": "It is not there.", "citations": list[str]()}
WORK = (
    Step(text=json.dumps(LOST)),
    Step(text=json.dumps({**LOST, "found": True, "text": "Nobody signs."})),
    Step(text="", tools=(ToolUse(name="memory_search", arguments='{"query": "who signs"}'),)),
)
NO_WORK = (
    Step(text="no JSON at all"),
    Step(text=json.dumps({"found": "perhaps"})),
    Step(text="", tools=(ToolUse(name="no_such_tool", arguments="{}"),)),
    Step(text="", tools=(ToolUse(name="memory_search", arguments='{"query": '),)),
    Step(text=json.dumps(LOST)[:20], finish="length"),
)


def mixed(chance: random.Random, good: tuple[Step, ...], bad: tuple[Step, ...], count: int) -> list[Step]:
    """A fifth errors, a tenth of no use."""
    shares = chance.choices(("error", "bad", "good"), weights=(20, 10, 70), k=count)
    kinds = {"error": ERRORS, "bad": bad, "good": good}
    return [chance.choice(kinds[share]) for share in shares]


def script() -> list[Step]:
    chance = random.Random(SEED)
    plans, others = (tuple(Step(text=text) for text in texts) for texts in (PLANS, NO_PLANS))
    planning = [replace(step, when=PLANNING) for step in mixed(chance, plans, others, 3 * RUNS)]
    work = mixed(chance, WORK, NO_WORK, 12 * RUNS)
    return [replace(step, usage=USED) for step in (*planning, *work)]


async def one(platform: Platform, number: int) -> RunView:
    new = NewRun(goal=f"Who signs the offers of customer {number}?", budget_micros=BUDGET)
    return await platform.runs.wait("default", await platform.runs.create("default", new))


async def test_a_thousand_runs_with_a_model_that_often_fails_all_end_and_say_why(tmp_path: Path) -> None:
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    with OpenAIServer(*script()) as server:
        (tmp_path / "flowmatik.toml").write_text(SETTINGS)
        environment = {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        async with open_platform(load_settings(tmp_path, environment), recover_all=True) as platform:
            async with asyncio.timeout(SECONDS):
                ended = await asyncio.gather(*(one(platform, number) for number in range(RUNS)))
            sample = [view.id for view in ended][:: RUNS // 50]
            replayed = [await platform.runs.replay("default", run_id) for run_id in sample]
    assert {view.id for view in ended if not view.status.ended} == set()
    assert {view.id for view in ended if view.status.value == "failed" and not view.error_code} == set()
    assert [view.id for view in ended if view.cost_micros is None or view.cost_micros > BUDGET] == []
    assert max(view.head_seq for view in ended) <= MOST_EVENTS
    assert [report.differences for report in replayed if report.differences] == []
    statuses = Counter(view.status.value for view in ended)
    assert set(statuses) == {"succeeded", "failed"}
    assert {view.error_code for view in ended} & {"engine.fault", "engine.history", "internal"} == set()
