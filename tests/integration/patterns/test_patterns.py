"""The teams of `examples/patterns`, each through the whole product and a model server over HTTP, with a case in
which they do not get along."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.plan_files import read_plan
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.kernel.errors import PlanInvalid, ProfileInvalid
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse

PATTERNS = Path(__file__).parents[3] / "examples" / "patterns"


def says(when: str, *texts: str) -> list[Step]:
    return [Step(when=when, text=text) for text in texts]


def calls(when: str, name: str, **arguments: Any) -> Step:
    return Step(when=when, text="", tools=(ToolUse(name=name, arguments=json.dumps(arguments)),))


@asynccontextmanager
async def team(
    folder: str, home: Path, script: Sequence[Step]
) -> AsyncGenerator[tuple[Platform, OpenAIServer]]:
    (home / ".flowmatik").mkdir(mode=0o700, parents=True)
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    with OpenAIServer(*script) as server:
        environment = {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        async with open_platform(load_settings(home, environment), recover_all=False) as platform:
            for path in sorted((PATTERNS / folder).glob("*.yaml")):
                if path.name != "plan.yaml":
                    await platform.agents.apply("default", path.read_text(), filename=path.name)
            yield platform, server


async def done(folder: str, home: Path, script: Sequence[Step], new: NewRun | None = None) -> RunView:
    """The run of the folder's plan, once it has ended and a replay has found no difference in it."""
    async with team(folder, home, script) as (platform, _):
        if new is None:
            file = read_plan(str(PATTERNS / folder / "plan.yaml"))
            new = NewRun(goal=file.goal, plan=file.plan)
        run_id = await platform.runs.create("default", new)
        view = await platform.runs.wait("default", run_id)
        report = await platform.runs.replay("default", run_id)
        assert report.differences == ()
        assert report.decisions > 0
        return view


def text_of(view: RunView) -> str:
    assert view.status is RunStatus.SUCCEEDED, (view.error_code, view.error)
    assert view.answer is not None
    return view.answer.text


STAGES = ("take the facts out", "translate notes", "make notes read well")


async def test_a_pipeline_hands_each_result_to_the_next(tmp_path: Path) -> None:
    script = [step for when, text in zip(STAGES, "abc", strict=True) for step in says(when, f"result {text}")]
    assert text_of(await done("pipeline", tmp_path, script)) == "result c"


async def test_a_pipeline_ends_with_what_its_broken_stage_said(tmp_path: Path) -> None:
    script = [*says(STAGES[0], "facts"), Step(when=STAGES[1], text="half", finish="length")]
    view = await done("pipeline", tmp_path, script)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "agent.output.length")
    assert [task.status.value for task in view.tasks] == ["succeeded", "failed", "skipped"]


async def test_a_map_is_reduced_though_an_item_fails_and_others_contradict_each_other(tmp_path: Path) -> None:
    script = [
        *says("Resume esta opinión: Llegó en un día", "rápido"),
        *says("Resume esta opinión: Tardó", "lento"),
        Step(when="Resume esta opinión: Llegó rota", text="…", finish="length"),
        *says("Juntas los resúmenes", "Unos dicen que rápido, otros que lento."),
    ]
    async with team("map-reduce", tmp_path, script) as (platform, server):
        file = read_plan(str(PATTERNS / "map-reduce" / "plan.yaml"))
        run_id = await platform.runs.create("default", NewRun(goal=file.goal, plan=file.plan))
        view = await platform.runs.wait("default", run_id)
        asked = json.dumps(server.calls[-1]["body"], ensure_ascii=False)
    assert "rápido" in text_of(view)
    assert all(part in asked for part in ("rápido", "lento", "agent.output.length"))


VOTERS = ("con prudencia", "deprisa", "como experto")


def votes(*answers: str) -> list[Step]:
    return [step for when, text in zip(VOTERS, answers, strict=True) for step in says(when, text)]


async def test_a_vote_takes_the_answer_that_most_give_and_asks_no_judge(tmp_path: Path) -> None:
    async with team("vote", tmp_path, votes("Canberra.", "Sídney", "canberra")) as (platform, server):
        file = read_plan(str(PATTERNS / "vote" / "plan.yaml"))
        run_id = await platform.runs.create("default", NewRun(goal=file.goal, plan=file.plan))
        assert text_of(await platform.runs.wait("default", run_id)) == "Canberra."
        assert len(server.calls) == 3


async def test_a_judge_chooses_when_all_answers_differ(tmp_path: Path) -> None:
    script = [*votes("Canberra", "Sídney", "Perth"), *says("Eres el juez", '{"choice": "a"}')]
    assert text_of(await done("vote", tmp_path, script)) == "Canberra"


async def test_a_judge_that_answers_nonsense_fails_the_vote(tmp_path: Path) -> None:
    script = [*votes("Canberra", "Sídney", "Perth"), *says("Eres el juez", '{"choice": "Melbourne"}')]
    view = await done("vote", tmp_path, script)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "task.vote.judge")


NO, YES = '{"approved": false, "comments": "too long"}', '{"approved": true}'


async def test_a_reviewer_sends_back_until_it_agrees_and_the_draft_is_the_answer(tmp_path: Path) -> None:
    script = [*says("write short texts", "A draft.", "A better draft."), *says("review texts", NO, YES)]
    async with team("review", tmp_path, script) as (platform, server):
        file = read_plan(str(PATTERNS / "review" / "plan.yaml"))
        run_id = await platform.runs.create("default", NewRun(goal=file.goal, plan=file.plan))
        assert text_of(await platform.runs.wait("default", run_id)) == "A better draft."
        again = json.dumps(server.calls[2]["body"])
    assert "too long" in again
    assert "A draft." in again


async def test_a_reviewer_that_never_agrees_ends_after_its_rounds(tmp_path: Path) -> None:
    view = await done("review", tmp_path, [*says("write short texts", "A draft."), *says("review texts", NO)])
    assert (view.status, view.error_code) == (RunStatus.FAILED, "task.repeat.rounds")
    assert view.error_values["rounds"] == 3


LEAD = NewRun(goal="When does Cork open?", agent="project-lead")


async def test_an_agent_asks_another_in_a_run_of_its_own_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    script = [
        calls("You lead a project", "ask_agent", agent="site-specialist", goal="When does Cork open?"),
        *says("You lead a project", "At 9."),
        *says("You know the sites", "Cork opens at 9."),
    ]
    view = await done("delegation", tmp_path, script, LEAD)
    assert text_of(view) == "At 9."
    assert view.tasks[0].sub_runs is not None
    assert view.tasks[0].sub_runs.succeeded == 1


async def test_a_delegate_has_no_tool_that_who_asked_it_lacks(tmp_path: Path) -> None:
    script = [
        calls("You lead a project", "ask_agent", agent="site-specialist", goal="Write it down."),
        *says("You lead a project", "It could not."),
        calls("You know the sites", "file_append", path="a.txt", line="x"),
        *says("You know the sites", "I may not write."),
    ]
    async with team("delegation", tmp_path, script) as (platform, server):
        run_id = await platform.runs.create("default", LEAD)
        assert text_of(await platform.runs.wait("default", run_id)) == "It could not."
        bodies = [json.dumps(one["body"]) for one in server.calls]
    told = next(body for body in bodies if "I may not write" not in body and "there is no tool" in body)
    assert "file_append" in told
    assert not (tmp_path / ".flowmatik" / "outbox" / "a.txt").exists()


async def test_agents_that_would_ask_each_other_in_a_circle_are_refused_when_applied(tmp_path: Path) -> None:
    circle = (PATTERNS / "delegation" / "site-specialist.yaml").read_text() + "delegates: [project-lead]\n"
    async with team("delegation", tmp_path, [Step()]) as (platform, _):
        with pytest.raises(
            ProfileInvalid, match=r"s\.yaml:\d+:\d+: delegates\.0: .*site-specialist → project-l"
        ):
            await platform.agents.apply("default", circle, filename="s.yaml")
        assert not (await platform.agents.profile("default", "site-specialist")).endswith(circle)


async def test_a_conversation_goes_on_with_another_agent_and_never_in_a_circle(tmp_path: Path) -> None:
    script = [
        calls("Eres recepción", "hand_over", agent="facturacion", note="pregunta por su factura"),
        calls("Eres facturación", "hand_over", agent="recepcion"),
        *says("Eres facturación", "Subió la tarifa."),
    ]
    new = NewRun(goal="¿Por qué sube mi factura?", agent="recepcion")
    async with team("handoff", tmp_path, script) as (platform, server):
        run_id = await platform.runs.create("default", new)
        assert text_of(await platform.runs.wait("default", run_id)) == "Subió la tarifa."
        last = json.dumps(server.calls[-1]["body"], ensure_ascii=False)
        assert (await platform.runs.replay("default", run_id)).differences == ()
    assert "¿Por qué sube mi factura?" in last
    assert "recepcion → facturacion → recepcion" in last


async def test_notes_on_the_board_are_shared_and_one_that_is_missing_is_said(tmp_path: Path) -> None:
    script = [
        calls("under the key weather", "board_write", key="weather", value="rain"),
        *says("under the key weather", "noted"),
        calls("under the key staff", "board_write", key="staff", value=["Ana", "Bo"]),
        *says("under the key staff", "noted"),
        calls("You plan the day", "board_read", key="wether"),
        calls("You plan the day", "board_read"),
        *says("You plan the day", "Stay inside with Ana and Bo."),
    ]
    async with team("blackboard", tmp_path, script) as (platform, server):
        file = read_plan(str(PATTERNS / "blackboard" / "plan.yaml"))
        run_id = await platform.runs.create("default", NewRun(goal=file.goal, plan=file.plan))
        assert text_of(await platform.runs.wait("default", run_id)).startswith("Stay")
        last = json.dumps(server.calls[-1]["body"])
        assert (await platform.runs.replay("default", run_id)).differences == ()
    assert "there is no note 'wether'" in last
    assert "rain" in last


async def test_votes_and_gates_that_cannot_work_are_refused_with_all_their_faults(tmp_path: Path) -> None:
    text = """
    - {id: a, agent: draft-writer, objective: write}
    - {id: v, needs: [a], vote: {judge: nobody}}
    - {id: g, agent: draft-reviewer, needs: [a], objective: read, repeat: {task: h, rounds: 2}}
    - {id: h, agent: draft-writer, needs: [a], objective: write}
    - {id: t, tool: board_read}
    """
    (tmp_path / "p.yaml").write_text(text)
    async with team("review", tmp_path / "home", [Step()]) as (platform, _):
        with pytest.raises(PlanInvalid) as caught:
            plan = read_plan(str(tmp_path / "p.yaml")).plan
            await platform.runs.create("default", NewRun(goal="x", plan=plan))
    codes = {row["code"] for row in caught.value.context["details"]}  # type: ignore[index,union-attr]
    assert codes >= {"plan.vote_needs", "plan.vote_judge", "plan.repeat_task", "plan.tool"}
