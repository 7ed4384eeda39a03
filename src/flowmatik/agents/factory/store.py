"""The factory: composes as an adviser, which only reads; keeps what was composed, and how it fared, as a
subscriber of the bus."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, cast

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.channels.versions import StoredVersions
from flowmatik.agents.factory.policies import StoredPolicies
from flowmatik.agents.factory.policy import allows, failed_too_often, tools_within
from flowmatik.agents.profiles import parse_profile
from flowmatik.agents.templates import StoredTemplates, parse_template
from flowmatik.agents.templates.filling import as_yaml, filled
from flowmatik.contracts.advice import Question
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import Author, Origin
from flowmatik.contracts.channels import STABLE, Promotion
from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.factory import FactoryAgent, FactoryPolicyView, FactoryRules
from flowmatik.contracts.tools import ToolBox
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound
from flowmatik.kernel.events import CloudEvent, EventBus

TEMPLATE, DRAFT = "specialist", "draft"
PREFIX = "made-for-"
EVENTS = ("AgentComposed", "TaskRouted", "TaskSucceeded", "TaskFailed")
_SKILL = re.compile(r"[a-z][a-z0-9-]{0,52}")  # with the prefix it is a name
MOST_OBJECTIVE = 2000
State = Literal["draft", "kept", "retired"]
_ROWS = (
    "SELECT name, version, need, state, made_at, why, profile,"
    " (SELECT count(*) FROM factory_results r WHERE r.workspace_id = f.workspace_id AND r.name = f.name"
    " AND r.outcome = 'succeeded'),"
    " (SELECT count(*) FROM factory_results r WHERE r.workspace_id = f.workspace_id AND r.name = f.name"
    " AND r.outcome = 'failed')"
    " FROM factory_agents f WHERE f.workspace_id = $1 ORDER BY made_at DESC"
)


class StoredFactory:
    """Implements `AgentFactory` and `Adviser`."""

    def __init__(
        self,
        database: Database,
        catalogue: StoredCatalogue,
        versions: StoredVersions,
        templates: StoredTemplates,
        tools: ToolBox,
        *,
        clock: Clock,
        installation: FactoryRules,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._versions = versions
        self._templates = templates
        self._tools = tools
        self._clock = clock
        self._policies = StoredPolicies(database, installation, clock)

    async def __call__(self, question: Question) -> dict[str, Any]:
        """`agent`, `profile`, `template`, `parameters` and `why`; {"declined": why} when it makes nobody."""
        asked, workspace_id = question.arguments, question.workspace_id
        skill = str(asked["skill"])
        rules = (await self._policies.get(workspace_id)).holds
        if not _SKILL.fullmatch(skill) or not allows(rules, skill):
            return {"declined": f"nobody may be composed for the skill {skill!r}"}
        there = [row for row in await self._rows(workspace_id) if row[2] == skill]
        if there:
            return self._again(there[0])
        today = self._clock.now().date().isoformat()
        made = [row for row in await self._rows(workspace_id) if str(row[4])[:10] == today]
        if len(made) >= (rules.most_a_day or 0):
            return {"declined": f"{len(made)} agents were composed today, which is the most"}
        return await self._new(workspace_id, skill, asked, rules)

    def _again(self, row: Row) -> dict[str, Any]:
        name, version, state, profile = str(row[0]), str(row[1]), str(row[3]), str(row[6])
        if state == "retired":
            return {"declined": f"{name} was composed for it, and is retired"}
        agent = parse_profile(profile, filename=f"{name}@{version}")
        why = f"composed before for the same need, and {state}"
        return _told(agent, profile, TEMPLATE, {}, why)

    async def _new(
        self, workspace_id: str, skill: str, asked: dict[str, Any], rules: FactoryRules
    ) -> dict[str, Any]:
        offered = cast("list[str]", asked.get("tools") or [])
        template = await self._templates.get(workspace_id, TEMPLATE)
        objective = "".join(c for c in str(asked["objective"]) if c.isprintable() or c in "\n\t")
        task = objective[:MOST_OBJECTIVE].strip() or "-"
        values = {"name": f"{PREFIX}{skill}", "skill": skill, "task": task}
        file = parse_template(template.text, filename=f"{TEMPLATE}.yaml").file
        body = filled(file, values)
        budgets: dict[str, Any] = dict(body.get("budgets") or {})
        if rules.task_micros is not None:
            budgets["usd"] = min(float(budgets.get("usd", "inf")), rules.task_micros / 1_000_000)
        tools = list(tools_within(rules, offered, self._tools.specs()))
        profile = as_yaml({**body, "skills": [skill], "tools": tools, "budgets": budgets, "approvals": {}})
        agent = self._catalogue.parsed(profile, f"{TEMPLATE}.yaml")
        why = f"no agent has the skill {skill!r}; the policy allows its tools {', '.join(tools) or 'none'}"
        return _told(agent, profile, f"{TEMPLATE}@{template.version}", dict(values), why)

    async def list(self, workspace_id: str) -> list[FactoryAgent]:
        return [_seen(row) for row in await self._rows(workspace_id)]

    async def keep(self, workspace_id: str, name: str, author: Author) -> AgentVersion:
        row = await self._row(workspace_id, name, "draft")
        ref = f"{name}@{row.version}"
        await self._versions.promote(workspace_id, Promotion(name=name, source=DRAFT, to=STABLE), author)
        await self._mark(workspace_id, name, "kept")
        return await self._catalogue.get(workspace_id, ref)

    async def retire(self, workspace_id: str, name: str, author: Author) -> None:
        await self._row(workspace_id, name, "draft", "kept")
        await self._mark(workspace_id, name, "retired")
        await self._catalogue.remove(workspace_id, name, author=author)

    async def policy(self, workspace_id: str) -> FactoryPolicyView:
        return await self._policies.get(workspace_id)

    async def set_policy(self, workspace_id: str, rules: FactoryRules, author: Author) -> FactoryPolicyView:
        return await self._policies.put(workspace_id, rules, author)

    def subscribe(self, bus: EventBus) -> None:
        types = frozenset(f"flowmatik.{name}" for name in EVENTS)
        bus.subscribe("agents.factory", self.on_event, types=types)

    async def on_event(self, event: CloudEvent) -> None:
        """Idempotent: told twice, it is kept once."""
        data, workspace_id = event.data, event.workspace_id
        task = f"{event.subject}/{data['task_id']}"
        match event.type.removeprefix("flowmatik."):
            case "AgentComposed":
                await self._made(event)
            case "TaskRouted" if str(data["agent"]).startswith(PREFIX):
                name = str(data["agent"]).partition("@")[0]
                await self._write(
                    workspace_id,
                    "INSERT INTO factory_results (workspace_id, name, task, outcome) VALUES ($1, $2, $3, '')"
                    " ON CONFLICT (workspace_id, task) DO NOTHING",
                    (workspace_id, name, task),
                )
            case "TaskSucceeded" | "TaskFailed":
                outcome = "succeeded" if event.type.endswith("Succeeded") else "failed"
                await self._ended(workspace_id, task, outcome)
            case _:
                return

    async def _made(self, event: CloudEvent) -> None:
        """Of two that were composed for one need, the first that is heard of counts."""
        data, workspace_id = event.data, event.workspace_id
        agent, need = data["agent"], str(data["agent"]["skills"][0])
        text = str(data["profile"])
        version = parse_profile(text, filename=f"{agent['name']}.yaml").version
        await self._write(
            workspace_id,
            "INSERT INTO factory_agents (workspace_id, need, name, version, profile, why, made_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, need) DO NOTHING",
            (workspace_id, need, str(agent["name"]), version, text, str(data["why"]), event.time),
        )
        row = next(row for row in await self._rows(workspace_id) if row[2] == need)
        if row[3] != DRAFT or str(row[6]) != text:
            return
        origin = Origin(
            kind="factory",
            by="factory",
            template=str(data["template"]),
            parameters=dict(data["parameters"]),
            note=f"{event.subject}: {data['why']}",
        )
        author = Author(by="factory", reason=str(data["why"])[:500], origin=origin)
        await self._catalogue.apply(
            workspace_id, text, filename=f"{agent['name']}.yaml", channel=DRAFT, author=author
        )

    async def _ended(self, workspace_id: str, task: str, outcome: str) -> None:
        """And retire a draft that has failed too often."""
        database = self._database.within(workspace_id)
        found = await database.fetch(
            "SELECT name FROM factory_results WHERE workspace_id = $1 AND task = $2", workspace_id, task
        )
        if not found:
            return
        await self._write(
            workspace_id,
            "UPDATE factory_results SET outcome = $3 WHERE workspace_id = $1 AND task = $2",
            (workspace_id, task, outcome),
        )
        name = str(found[0][0])
        one = next((one for one in await self.list(workspace_id) if one.name == name), None)
        if one is None or one.state != "draft":
            return
        if failed_too_often((await self._policies.get(workspace_id)).holds, one.succeeded, one.failed):
            why = f"{one.failed} of {one.succeeded + one.failed} tasks failed"
            await self.retire(workspace_id, name, Author(by="factory", reason=why))

    async def _rows(self, workspace_id: str) -> Sequence[Row]:
        return await self._database.within(workspace_id).fetch(_ROWS, workspace_id)

    async def _row(self, workspace_id: str, name: str, *states: State) -> FactoryAgent:
        one = next((one for one in await self.list(workspace_id) if one.name == name), None)
        if one is None:
            known = ", ".join(one.name for one in await self.list(workspace_id)) or "none"
            raise NotFound(
                f"the factory has composed no agent {name!r}; there is {known}",
                code="not_found.factory_agent",
                context={"agent": name, "known": known},
            )
        if one.state not in states:
            raise Conflict(
                f"the agent {name!r} is {one.state} already",
                code="conflict.factory_state",
                context={"agent": name, "state": one.state},
            )
        return one

    async def _mark(self, workspace_id: str, name: str, state: State) -> None:
        await self._write(
            workspace_id,
            "UPDATE factory_agents SET state = $3 WHERE workspace_id = $1 AND name = $2",
            (workspace_id, name, state),
        )

    async def _write(self, workspace_id: str, sql: str, values: tuple[object, ...]) -> None:
        await self._database.within(workspace_id).transaction([(sql, values)])


def _told(
    agent: AgentVersion, profile: str, template: str, parameters: dict[str, Any], why: str
) -> dict[str, Any]:
    return {
        "agent": asdict(agent),
        "profile": profile,
        "template": template,
        "parameters": parameters,
        "why": why,
    }


def _seen(row: Row) -> FactoryAgent:
    return FactoryAgent(
        name=str(row[0]),
        version=str(row[1]),
        need=str(row[2]),
        state=cast("State", str(row[3])),
        made_at=str(row[4]),
        why=str(row[5]),
        succeeded=int(row[7]),
        failed=int(row[8]),
    )
