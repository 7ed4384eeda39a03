"""What people see of a run."""

import asyncio
from dataclasses import replace
from unittest.mock import AsyncMock, MagicMock

import pytest

from flowmatik.api.services import NoDeltas
from flowmatik.app.cli.answer_view import citation_line, plan_line, show_next, show_run, task_line
from flowmatik.app.cli.event_view import difference_line, event_line
from flowmatik.app.cli.session import clean
from flowmatik.app.cli.watch import Following, JsonWatcher, LiveWatcher, PlainWatcher, follow, plan_tree
from flowmatik.app.texts import Texts
from flowmatik.contracts.answers import CALCULATION, Citation
from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.contracts.runs import RunStatus, RunView, TaskStatus
from flowmatik.core.events import DECISIONS, FACTS
from tests.unit.app.samples import answered, ended, event, session, stream, task, written


def test_an_answer_is_shown_with_sources_checks_and_cost() -> None:
    shown = session()
    show_run(shown, answered())
    text = written(shown.out)
    assert "36 months [1]" in text
    assert "[1] guide.md, lines 4–6: «36 months»" in text
    assert "[2] t.csv, computed: «15.2»\n    SELECT avg(h) FROM t" in text
    assert "[3] c.pdf, page 2" in text
    assert "✓ every quote stands in its source: 3 of 3" in text
    assert "✗ tone" in text
    assert "✓ [1] stands word for word in guide.md, line 4" in text
    assert "Cost $0.0015 · 120 tokens · 1.2 s · local/extractive · run_1" in text


def test_the_same_answer_in_spanish() -> None:
    shown = session("es")
    show_run(shown, answered())
    text = written(shown.out)
    assert "Fuentes" in text
    assert "[1] guide.md, líneas 4–6" in text
    assert "✓ [1] figura palabra por palabra en guide.md, línea 4" in text


@pytest.mark.parametrize(("language", "said"), [("en", "Cost unknown"), ("es", "Coste desconocido")])
def test_a_cost_that_nobody_knows_is_not_shown_as_nothing(language: str, said: str) -> None:
    shown = session(language)
    show_run(shown, replace(answered(), cost_micros=None))
    assert said in written(shown.out)
    assert "0.0000" not in written(shown.out)


def test_the_offline_model_says_what_it_is_and_how_to_change_it() -> None:
    local, hosted = session(), session()
    show_next(local, answered())
    show_next(hosted, replace(answered(), models=("openai/x",)))
    assert "offline model" in written(local.err)
    assert "offline model" not in written(hosted.err)


def test_a_document_cannot_steer_the_terminal() -> None:
    shown = session()
    show_run(shown, answered())
    assert "\x1b" not in written(shown.out)
    assert clean("a\x1b[2J\x07b\r\n\tc\u202e") == "a[2Jb\n\tc"
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert clean(f"{family} a\u200db") == f"{family} ab"


def test_a_failure_names_its_reason_and_code() -> None:
    shown = session()
    show_run(shown, ended(RunStatus.FAILED, code="model.rejected", error="wrong key"))
    assert "The run failed: wrong key [model.rejected]" in written(shown.out)


def test_a_failure_is_told_in_the_language_by_its_code_and_values() -> None:
    shown = session("es")
    failed = ended(RunStatus.FAILED, code="agent.turns", error="x did not finish")
    show_run(shown, replace(failed, error_values={"agent": "x", "turns": 3}))
    assert "x no ha terminado en 3 turnos" in written(shown.out)


def test_the_reason_of_a_plan_is_told_by_its_code_and_else_as_it_stands() -> None:
    counts = {"questions": 2, "documents": 1, "tables": 1}
    coded = replace(answered(), plan_code="questions", plan_values=counts)
    assert plan_line(session("es"), coded) == (
        "Plan (local): 2 preguntas: 1 para los documentos, 1 para las tablas"
    )
    assert plan_line(session("es"), answered()) == "Plan (local): one question about documents"
    assert (
        plan_line(session("es"), replace(answered(), planner="single", plan_reason="")) == "Plan (un agente)"
    )


@pytest.mark.parametrize(("language", "name"), [("en", "calculation"), ("es", "cálculo")])
def test_a_calculation_is_shown_by_its_quote_with_no_document(language: str, name: str) -> None:
    cited = Citation(n=1, source=CALCULATION, quote="12 * 7.5 = 90", computation="12 * 7.5")
    assert citation_line(session(language), cited) == f"[1] {name}: «12 * 7.5 = 90»"


def test_a_call_in_doubt_is_shown_with_the_command_that_decides_it() -> None:
    shown = session()
    show_run(shown, ended(RunStatus.IN_DOUBT))
    text = written(shown.out)
    assert 'mail_send {"to":"x"} — no reply' in text
    assert "flowmatik runs resume run_2 --resolve call_1=done|repeat|failed" in text


def test_a_task_line_says_who_does_it_and_how_it_stands() -> None:
    assert task_line(session(), task()) == "✓ look it up — researcher (done)"
    failed = task_line(session("es"), task(TaskStatus.FAILED, "no passage"))
    assert failed == "✗ look it up — researcher (fallida): no passage"


@pytest.mark.parametrize(
    ("skill", "agent", "said"),
    [
        ("calculate", "", "call calculate — calculate"),
        ("wait", "", "wait — t1"),
        ("", "", "a run of its own — t1"),
        ("writing", "writer@1", "bring the results together — writer"),
        ("writing", "", "bring the results together — writing"),
    ],
)
def test_a_task_without_an_objective_says_what_it_is(skill: str, agent: str, said: str) -> None:
    bare = replace(task(), objective="", skill=skill, agent=agent, id="t1")
    assert task_line(session(), bare) == f"✓ {said} (done)"


def test_the_plan_tree_holds_the_goal_the_plan_and_every_task() -> None:
    shown = session()
    shown.err.print(plan_tree(shown, answered()))
    text = written(shown.err)
    assert "How long is the guarantee?" in text
    assert "Plan (local): one question about documents" in text
    assert "✓ look it up — researcher (done)" in text


def test_plain_lines_tell_each_change_of_a_task_once() -> None:
    shown = session()
    watcher = PlainWatcher(shown)
    running = replace(answered(), tasks=(task(TaskStatus.RUNNING),))
    for view in (running, running, answered(), answered()):
        watcher.on_view(view)
    assert written(shown.err).splitlines() == [
        "Plan (local): one question about documents",
        "▸ look it up — researcher (running)",
        "✓ look it up — researcher (done)",
    ]


class _Recorder:
    shows_text = True

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_event(self, event: object) -> None:
        self.calls.append("event")

    def on_delta(self, delta: UnderWay) -> None:
        self.calls.append(getattr(delta, "text", ""))

    def on_view(self, view: RunView) -> None:
        self.calls.append("view")

    def close(self) -> None:
        self.calls.append("close")


async def test_following_ends_with_the_final_view_and_then_closes() -> None:
    backend = MagicMock(workspace_id="default")
    backend.runs.events = MagicMock(return_value=stream(event(1, "RunCreated"), event(2, "RunSucceeded")))
    backend.runs.wait = AsyncMock(return_value=answered())
    backend.runs.get = AsyncMock(return_value=answered())
    backend.deltas = NoDeltas()
    recorder, following = _Recorder(), Following(run_id="run_1")
    assert await follow(backend, following, recorder) == answered()
    assert recorder.calls.count("event") == 2
    assert following.seen == 2
    assert recorder.calls[-2:] == ["view", "close"]
    assert len(asyncio.all_tasks()) == 1


def test_what_is_being_written_is_shown_until_its_call_has_ended() -> None:
    shown = session()
    watcher = LiveWatcher(shown)
    watcher.on_delta(Delta(call_id="call_1", task_id="t", at=0, text="It is \x1b[31m"))
    watcher.on_delta(Delta(call_id="call_1", task_id="t", at=6, text="thirty-six months"))
    shown.err.print(watcher.shown())
    assert "It is [31mthirty-six months" in written(shown.err)
    watcher.on_delta(Progress(call_id="call_2", task_id="t", tool="crawl", done=3, total=10, message="pages"))
    shown.err.print(watcher.shown())
    assert "crawl 3/10 pages" in written(shown.err)
    done = event(2, "CallSucceeded")
    watcher.on_event(replace(done, data={"call_id": "call_2"}))
    watcher.on_event(replace(done, data={"call_id": "call_1"}))
    watcher.on_delta(Delta(call_id="call_1", task_id="t", at=23, text="too late"))
    watcher.close()
    assert watcher.shown().renderables == []


def test_json_watching_prints_one_event_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = JsonWatcher(session(json=True))
    watcher.on_event(event(1, "RunCreated"))
    watcher.on_event(event(2, "RunSucceeded"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.count('"specversion":"1.0"') for line in lines] == [1, 1]


def test_the_log_of_a_run_is_told_in_the_language_of_the_person() -> None:
    failed = {
        "call_id": "call_1",
        "code": "agent.turns",
        "values": {"agent": "x", "turns": 1},
        "message": "m",
    }
    assert event_line(session("es"), replace(event(1, "CallFailed"), data=failed)).endswith(
        "call_1 fallida: x no ha terminado en 1 turno; sube budgets.turns en su perfil [agent.turns]"
    )
    planned = {
        "planner": "local",
        "reason": "2 question(s)",
        "reason_code": "questions",
        "values": {"questions": 2, "documents": 1, "tables": 1},
    }
    assert event_line(session("es"), replace(event(1, "PlanAdopted"), data=planned)).endswith(
        "plan adoptado (local): 2 preguntas: 1 para los documentos, 1 para las tablas"
    )


def test_an_event_of_a_newer_version_is_shown_as_it_stands() -> None:
    odd = replace(event(1, "MoonRose"), data={"phase": "full", "empty": "", "list": [1]})
    assert event_line(session("es"), odd).endswith("MoonRose phase=full")


def test_every_event_of_a_history_has_its_text() -> None:
    names = {kind.__name__ for kind in (*FACTS, *DECISIONS)}
    assert {name for name in names if not Texts("es").has(f"event.{name}")} == set()


def test_what_a_replay_decides_otherwise_is_told_in_the_language_of_the_person() -> None:
    told = difference_line(session("es"), "seq 7: TaskSucceeded {} ≠ nothing")
    assert told == "evento 7: consta «TaskSucceeded {}», ahora se decide «nada»"
    assert difference_line(session("es"), "of another form") == "of another form"


def test_a_name_stays_on_its_line_and_shows_its_control_characters() -> None:
    shown = session()
    shown.say("memory.skipped", source="a\nb\x1b[2J.md", reason="no")
    shown.print(citation_line(shown, Citation(n=1, source="a\nb.md", quote="q")))
    assert written(shown.err) == "Skipped a\\nb\\x1b[2J.md: no\n"
    assert written(shown.out) == "[1] a\\nb.md: «q»\n"
