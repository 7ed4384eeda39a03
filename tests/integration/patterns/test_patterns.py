"""The teams of `examples/patterns`, each through the whole product and a model server over HTTP, with a case
in which they do not get along."""

import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from flowmatik.app.plan_files import read_plan
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.kernel.errors import PlanInvalid, ProfileInvalid
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATTERNS = Path(__file__).parents[3] / "examples" / "patterns"


def says(when: str, *texts: str) -> list[Step]:
    return [Step(when=when, text=text) for text in texts]


def calls(when: str, name: str, **arguments: Any) -> Step:
    return Step(when=when, text="", tools=(ToolUse(name=name, arguments=json.dumps(arguments)),))


Team = tuple[Platform, OpenAIServer]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Team]:
    """Everybody of every folder."""
    home = tmp_path_factory.mktemp("home")
    (home / ".flowmatik").mkdir(mode=0o700)
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    with OpenAIServer() as server:
        environment = {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        async with open_platform(load_settings(home, environment), recover_all=False) as platform:
            for path in sorted(PATTERNS.glob("*/*.yaml")):
                if path.name != "plan.yaml":
                    await platform.agents.apply("default", path.read_text(), filename=path.name)
            yield platform, server


def planned(folder: str) -> NewRun:
    file = read_plan(str(PATTERNS / folder / "plan.yaml"))
    return NewRun(goal=file.goal, plan=file.plan)


async def done(team: Team, new: NewRun, script: Sequence[Step]) -> RunView:
    """The run, once it has ended and a replay has found no difference in it."""
    platform, server = team
    server.tell(*script)
    run_id = await platform.runs.create("default", new)
    view = await platform.runs.wait("default", run_id)
    report = await platform.runs.replay("default", run_id)
    assert report.differences == ()
    assert report.decisions > 0
    return view


def asked(team: Team, number: int) -> str:
    """What the model was asked in that call."""
    return json.dumps(team[1].calls[number]["body"], ensure_ascii=False)


def text_of(view: RunView) -> str:
    assert view.status is RunStatus.SUCCEEDED, (view.error_code, view.error)
    assert view.answer is not None
    return view.answer.text


STAGES = ("take the facts out", "translate notes", "make notes read well")


async def test_a_pipeline_hands_each_result_to_the_next(team: Team) -> None:
    script = [step for when, text in zip(STAGES, "abc", strict=True) for step in says(when, f"result {text}")]
    assert text_of(await done(team, planned("pipeline"), script)) == "result c"


async def test_a_pipeline_ends_with_what_its_broken_stage_said(team: Team) -> None:
    script = [*says(STAGES[0], "facts"), Step(when=STAGES[1], text="half", finish="length")]
    view = await done(team, planned("pipeline"), script)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "agent.output.length")
    assert [task.status.value for task in view.tasks] == ["succeeded", "failed", "skipped"]


async def test_a_map_is_reduced_though_an_item_fails_and_others_contradict_each_other(team: Team) -> None:
    script = [
        *says("Resume esta opinión: Llegó en un día", "rápido"),
        *says("Resume esta opinión: Tardó", "lento"),
        Step(when="Resume esta opinión: Llegó rota", text="…", finish="length"),
        *says("Juntas los resúmenes", "Unos dicen que rápido, otros que lento."),
    ]
    view = await done(team, planned("map-reduce"), script)
    assert "rápido" in text_of(view)
    assert all(part in asked(team, -1) for part in ("rápido", "lento", "agent.output.length"))


VOTERS = ("con prudencia", "deprisa", "como experto")


def votes(*answers: str) -> list[Step]:
    return [step for when, text in zip(VOTERS, answers, strict=True) for step in says(when, text)]


async def test_a_vote_takes_the_answer_that_most_give_and_asks_no_judge(team: Team) -> None:
    assert text_of(await done(team, planned("vote"), votes("Canberra.", "Sídney", "canberra"))) == "Canberra."
    assert len(team[1].calls) == 3


async def test_a_judge_chooses_when_all_answers_differ(team: Team) -> None:
    script = [*votes("Canberra", "Sídney", "Perth"), *says("Eres el juez", '{"choice": "a"}')]
    assert text_of(await done(team, planned("vote"), script)) == "Canberra"


async def test_a_judge_that_answers_nonsense_fails_the_vote(team: Team) -> None:
    script = [*votes("Canberra", "Sídney", "Perth"), *says("Eres el juez", '{"choice": "Melbourne"}')]
    view = await done(team, planned("vote"), script)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "task.vote.judge")


SIDES = ("You speak for the proposal", "You speak against the proposal")


async def test_both_sides_of_a_debate_answer_each_other_before_the_moderator_chooses(team: Team) -> None:
    script = [
        *says(SIDES[0], "It pays.", "It still pays."),
        *says(SIDES[1], "It tires us.", "It still does."),
    ]
    script += says("You moderate a debate", '{"choice": "against-again"}')
    assert text_of(await done(team, planned("debate"), script)) == "It still does."
    answers = [body for body in (asked(team, n) for n in range(len(team[1].calls))) if "Answer the" in body]
    assert all("It pays." in body and "It tires us." in body for body in answers[:2])
    assert "It still pays." in asked(team, -1)


async def test_a_debate_ends_with_what_a_side_that_cannot_speak_said(team: Team) -> None:
    script = [*says(SIDES[0], "It pays."), Step(when=SIDES[1], text="It", finish="length")]
    view = await done(team, planned("debate"), script)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "agent.output.length")


NO, YES = '{"approved": false, "comments": "too long"}', '{"approved": true}'


async def test_a_reviewer_sends_back_until_it_agrees_and_the_draft_is_the_answer(team: Team) -> None:
    script = [*says("write short texts", "A draft.", "A better draft."), *says("review texts", NO, YES)]
    assert text_of(await done(team, planned("review"), script)) == "A better draft."
    assert "too long" in asked(team, 2)
    assert "A draft." in asked(team, 2)


async def test_a_reviewer_that_never_agrees_ends_after_its_rounds(team: Team) -> None:
    view = await done(
        team, planned("review"), [*says("write short texts", "A draft."), *says("review texts", NO)]
    )
    assert (view.status, view.error_code) == (RunStatus.FAILED, "task.repeat.rounds")
    assert view.error_values["rounds"] == 3


LEAD = NewRun(goal="When does Cork open?", agent="project-lead")


async def test_an_agent_asks_another_in_a_run_of_its_own_and_goes_on_with_the_answer(team: Team) -> None:
    script = [
        calls("You lead a project", "ask_agent", agent="site-specialist", goal="When does Cork open?"),
        *says("You lead a project", "At 9."),
        *says("You know the sites", "Cork opens at 9."),
    ]
    view = await done(team, LEAD, script)
    assert text_of(view) == "At 9."
    assert view.tasks[0].sub_runs is not None
    assert view.tasks[0].sub_runs.succeeded == 1


async def test_a_delegate_has_no_tool_that_who_asked_it_lacks(team: Team) -> None:
    script = [
        calls("You lead a project", "ask_agent", agent="site-specialist", goal="Write it down."),
        *says("You lead a project", "It could not."),
        calls("You know the sites", "file_append", path="a.txt", line="x"),
        *says("You know the sites", "I may not write."),
    ]
    assert text_of(await done(team, LEAD, script)) == "It could not."
    bodies = [asked(team, number) for number in range(len(team[1].calls))]
    assert any("there is no tool 'file_append'" in body for body in bodies)
    assert not list(team[0].settings.outbox.glob("**/a.txt"))


async def test_agents_that_would_ask_each_other_in_a_circle_are_refused_when_applied(team: Team) -> None:
    circle = (PATTERNS / "delegation" / "site-specialist.yaml").read_text() + "delegates: [project-lead]\n"
    way = r"s\.yaml:\d+:\d+: delegates\.0: .*site-specialist → project-lead → site-specialist"
    with pytest.raises(ProfileInvalid, match=way):
        await team[0].agents.apply("default", circle, filename="s.yaml")
    assert await team[0].agents.profile("default", "site-specialist") != circle


async def test_a_conversation_goes_on_with_another_agent_and_never_in_a_circle(team: Team) -> None:
    script = [
        calls("Eres recepción", "hand_over", agent="facturacion", note="pregunta por su factura"),
        calls("Eres facturación", "hand_over", agent="recepcion"),
        *says("Eres facturación", "Subió la tarifa."),
    ]
    new = NewRun(goal="¿Por qué sube mi factura?", agent="recepcion")
    assert text_of(await done(team, new, script)) == "Subió la tarifa."
    assert "¿Por qué sube mi factura?" in asked(team, -1)
    assert "recepcion → facturacion → recepcion" in asked(team, -1)


async def test_notes_on_the_board_are_shared_and_one_that_is_missing_is_said(team: Team) -> None:
    script = [
        calls("under the key weather", "board_write", key="weather", value="rain"),
        *says("under the key weather", "noted"),
        calls("under the key staff", "board_write", key="staff", value=["Ana", "Bo"]),
        *says("under the key staff", "noted"),
        calls("You plan the day", "board_read", key="wether"),
        calls("You plan the day", "board_read"),
        *says("You plan the day", "Stay inside with Ana and Bo."),
    ]
    assert text_of(await done(team, planned("blackboard"), script)).startswith("Stay")
    assert "there is no note 'wether'" in asked(team, -1)
    assert "rain" in asked(team, -1)


async def test_votes_and_gates_that_cannot_work_are_refused_with_all_their_faults(
    team: Team, tmp_path: Path
) -> None:
    text = """
    - {id: a, agent: draft-writer, objective: write}
    - {id: v, needs: [a], vote: {judge: nobody}}
    - {id: g, agent: draft-reviewer, needs: [a], objective: read, repeat: {task: h, rounds: 2}}
    - {id: h, agent: draft-writer, needs: [a], objective: write}
    - {id: t, tool: board_read}
    """
    (tmp_path / "p.yaml").write_text(text)
    plan = read_plan(str(tmp_path / "p.yaml")).plan
    with pytest.raises(PlanInvalid) as caught:
        await team[0].runs.create("default", NewRun(goal="x", plan=plan))
    details = cast("list[dict[str, Any]]", caught.value.context["details"])
    codes = {row["code"] for row in details}
    assert codes >= {"plan.vote_needs", "plan.vote_judge", "plan.repeat_task", "plan.tool"}
