"""The port of templates: those that ship, and a workspace's own in the table `agent_templates`."""

from collections.abc import Mapping
from functools import cache

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.profiles import Inventory
from flowmatik.agents.templates.filling import as_yaml, checked, filled
from flowmatik.agents.templates.parse import Template, parse_template, shipped_templates
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import NOBODY, Author, Origin
from flowmatik.contracts.channels import STABLE
from flowmatik.contracts.database import Database
from flowmatik.contracts.templates import AgentTemplate, ParameterValue
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import NotFound


class StoredTemplates:
    """Implements `AgentTemplates`."""

    def __init__(
        self, database: Database, catalogue: StoredCatalogue, clock: Clock, inventory: Inventory | None = None
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._inventory = inventory

    async def list(self, workspace_id: str) -> list[AgentTemplate]:
        found = {one.name: one.described(shipped=True) for one in _shipped()}
        rows = await self._database.within(workspace_id).fetch(
            "SELECT name, content FROM agent_templates WHERE workspace_id = $1", workspace_id
        )
        for name, content in rows:
            found[str(name)] = parse_template(str(content), filename=f"{name}.yaml").described(shipped=False)
        return [found[name] for name in sorted(found)]

    async def get(self, workspace_id: str, name: str) -> AgentTemplate:
        template, shipped = await self._find(workspace_id, name)
        return template.described(shipped=shipped)

    async def apply(
        self, workspace_id: str, text: str, *, filename: str, author: Author = NOBODY
    ) -> AgentTemplate:
        template = parse_template(text, filename=filename, inventory=self._inventory)
        at = self._clock.now().isoformat()
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO agent_templates (workspace_id, name, content, made_at, made_by)"
                    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, name) DO UPDATE SET"
                    " content = excluded.content, made_at = excluded.made_at, made_by = excluded.made_by",
                    (workspace_id, template.name, text, at, author.by),
                )
            ]
        )
        return template.described(shipped=False)

    async def render(self, workspace_id: str, name: str, parameters: Mapping[str, ParameterValue]) -> str:
        template, _ = await self._find(workspace_id, name)
        text = as_yaml(filled(template.file, parameters))
        self._catalogue.parsed(text, f"{name}.yaml")
        return text

    async def make(
        self,
        workspace_id: str,
        name: str,
        parameters: Mapping[str, ParameterValue],
        *,
        channel: str = STABLE,
        author: Author = NOBODY,
    ) -> AgentVersion:
        template, _ = await self._find(workspace_id, name)
        values = checked(template.file, parameters)
        origin = Origin(
            kind="template",
            by=author.by,
            template=f"{template.name}@{template.version}",
            parameters=dict(values),
        )
        return await self._catalogue.apply(
            workspace_id,
            as_yaml(filled(template.file, parameters)),
            filename=f"{name}.yaml",
            channel=channel,
            author=Author(by=author.by, reason=author.reason, origin=origin),
        )

    async def _find(self, workspace_id: str, name: str) -> tuple[Template, bool]:
        """And whether it ships."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT content FROM agent_templates WHERE workspace_id = $1 AND name = $2", workspace_id, name
        )
        if rows:
            return parse_template(str(rows[0][0]), filename=f"{name}.yaml"), False
        found = next((one for one in _shipped() if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in await self.list(workspace_id))
            raise NotFound(
                f"there is no template {name!r}; there is {known}",
                code="not_found.template",
                context={"name": name, "known": known},
            )
        return found, True


@cache
def _shipped() -> tuple[Template, ...]:
    return tuple(shipped_templates())
