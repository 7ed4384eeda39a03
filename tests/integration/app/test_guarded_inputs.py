"""What people say to the platform before an agent gets it is kept as the guardrails leave it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.schedules import NewSchedule, ScheduleChange, ScheduledRun
from flowmatik.contracts.threads import Interrupt, NewThread
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.unit.core.engines import eventually

W = "default"
HEAD = "apiVersion: flowmatik/v1\nkind: Agent\nsummary: Does it.\ninstructions: Do it.\n"
RAILS = """guardrails:
- {check: pii, on: [input, tool_arguments], on_fail: fix}
- {check: topic, on: input, on_fail: refuse, words: [merger]}
"""
CLERK = HEAD + "metadata: {name: clerk}\nrole: support\n" + RAILS
PLANNER = HEAD + "metadata: {name: planner}\nrole: planner\n" + RAILS
LOOK = """apiVersion: flowmatik/v1
kind: Playbook
metadata: {name: look}
summary: Looks.
goal: Look for ${who}
parameters: {who: {required: true}}
tasks: [{id: a, tool: memory_search, arguments: {query: '${who} or ben@example.com'}}]
"""


@asynccontextmanager
async def opened(home: Path, model: OpenAIServer) -> AsyncGenerator[Platform]:
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    async with open_platform(load_settings(home, named), recover_all=True) as platform:
        for name, text in (("clerk", CLERK), ("planner", PLANNER)):
            await platform.agents.apply(W, text, filename=f"{name}.yaml")
        yield platform


async def kept_of(platform: Platform, run_id: str) -> str:
    return "\n".join([str(event.data) async for event in platform.runs.events(W, run_id)])


async def test_messages_goals_and_parameters_are_kept_without_what_guardrails_hide(tmp_path: Path) -> None:
    with OpenAIServer(Step(text="Yes.")) as model:
        async with opened(tmp_path, model) as platform:
            thread = await platform.threads.create(W, NewThread(agent="clerk"))
            said = await platform.threads.send(W, thread.id, "Write to ana@example.com", idempotency_key="k")
            assert said.text == "Write to [email]"
            again = await platform.threads.send(W, thread.id, "Write to ana@example.com", idempotency_key="k")
            assert again.number == said.number, "the same message again"

            run = ScheduledRun(goal="Ask ana@example.com", agent="clerk")
            new = NewSchedule(name="daily", cron="@daily", run=run)
            assert (await platform.schedules.create(W, new)).run.goal == "Ask [email]"
            other = ScheduleChange(run=ScheduledRun(goal="Ask eva@example.com"))
            changed = await platform.schedules.change(W, "daily", other)
            assert changed.run.goal == "Ask [email]", "without an agent the planner's guardrails hold"

            await platform.playbooks.apply(W, LOOK, filename="look.yaml")
            asked = NewRun(goal="", playbook="look", parameters={"who": "ana@example.com"})
            run_id = await platform.runs.create(W, asked)
            view = await platform.runs.wait(W, run_id)
            assert view.goal == "Look for [email]"
            history = await kept_of(platform, run_id)
            assert "ana@example.com" not in history
            assert "'query': '[email] or [email]'" in history, "a step is sent without it"
            assert (await platform.runs.replay(W, run_id)).differences == ()


async def test_a_steered_message_that_may_not_pass_is_left_to_the_next_run(tmp_path: Path) -> None:
    with OpenAIServer(Step(text="Five.", first_seconds=0.7), Step(text="Five euros.")) as model:
        async with opened(tmp_path, model) as platform:
            new = NewThread(agent="clerk", interrupt=Interrupt.STEER)
            thread = await platform.threads.create(W, new)
            await platform.threads.send(W, thread.id, "How much?")

            async def begun() -> bool:
                return len(model.calls) == 1

            await eventually(begun, 120)
            await platform.threads.send(W, thread.id, "And the merger?")

            async def at_rest() -> bool:
                now = await platform.threads.get(W, thread.id)
                return now.messages >= 4 and not now.run_id

            await eventually(at_rest, 120)
            said = (await platform.threads.messages(W, thread.id)).items
            assert [one.code or one.role.value for one in said] == ["person", "person", "agent", "run_failed"]
            assert said[2].text == "Five."
            assert "guardrails of clerk found forbidden (1) in the prompt" in said[3].text
            assert len(model.calls) == 1, "no model was told of it"
