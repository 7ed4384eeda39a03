"""Playbooks of workspaces: immutable versions by content hash, and which of them is the current one."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flowmatik.agents.playbooks.compiling import Compiled, compiled, specimen
from flowmatik.agents.playbooks.forms import TaskForms
from flowmatik.agents.playbooks.reading import Playbook, parse_playbook
from flowmatik.agents.playbooks.tasks import DEEPEST_USE
from flowmatik.contracts.database import Database
from flowmatik.contracts.playbooks import CompiledPlaybook, PlaybookVersion
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import NotFound

MOST_USED = 100  # other playbooks, with those that they use


class StoredPlaybooks:
    """Implements `Playbooks` on the tables `playbook_versions` and `playbooks`."""

    def __init__(self, database: Database, clock: Clock, forms: TaskForms) -> None:
        self._database = database
        self._clock = clock
        self._forms = forms

    async def current(self, workspace_id: str) -> list[Playbook]:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT v.name, v.version, v.content FROM playbooks p JOIN playbook_versions v"
            " ON v.workspace_id = p.workspace_id AND v.name = p.name AND v.version = p.version"
            " WHERE p.workspace_id = $1 ORDER BY v.name",
            workspace_id,
        )
        return [_stored(str(row[0]), str(row[1]), str(row[2])) for row in rows]

    async def get(self, workspace_id: str, ref: str) -> PlaybookVersion:
        return (await self._book(workspace_id, ref)).version

    async def text(self, workspace_id: str, ref: str) -> str:
        return (await self._row(workspace_id, ref))[2]

    async def compile(self, workspace_id: str, ref: str, parameters: Mapping[str, Any]) -> CompiledPlaybook:
        book = await self._book(workspace_id, ref)
        made = compiled(book, parameters, await self._used_by(workspace_id, book), self._forms)
        await self._check(workspace_id, book, made)
        return CompiledPlaybook(
            ref=book.version.ref(), goal=made.goal, tasks=made.tasks, parameters=made.parameters
        )

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> PlaybookVersion:
        book = parse_playbook(text, filename=filename)
        library = await self._used_by(workspace_id, book)
        await self._check(workspace_id, book, specimen(book, library, self._forms))
        version, now = book.version, self._clock.now().isoformat()
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO playbook_versions (workspace_id, name, version, content, created_at)"
                    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, name, version) DO NOTHING",
                    (workspace_id, version.name, version.version, text, now),
                ),
                (
                    "INSERT INTO playbooks (workspace_id, name, version) VALUES ($1, $2, $3)"
                    " ON CONFLICT (workspace_id, name) DO UPDATE SET version = excluded.version",
                    (workspace_id, version.name, version.version),
                ),
            ]
        )
        return version

    async def remove(self, workspace_id: str, name: str) -> None:
        counts = await self._database.within(workspace_id).transaction(
            [("DELETE FROM playbooks WHERE workspace_id = $1 AND name = $2", (workspace_id, name))]
        )
        if not counts[0]:
            raise await self._not_found(workspace_id, name)

    async def _check(self, workspace_id: str, book: Playbook, made: Compiled) -> None:
        if faults := await self._forms.faults(workspace_id, made.tasks):
            raise made.refusal(book, list(faults))

    async def _used_by(self, workspace_id: str, book: Playbook) -> dict[str, Playbook]:
        """The playbooks that it uses, and theirs, by the names that they are used by; what is not there is
        left out, for the compiler to say. A circle is its to say, too."""
        found: dict[str, Playbook] = {book.name: book}
        left = used_in(book)
        for _ in range(DEEPEST_USE):
            names = [name for name in dict.fromkeys(left) if name not in found][: MOST_USED - len(found)]
            left.clear()
            for name in names:
                try:
                    found[name] = await self._book(workspace_id, name)
                except NotFound:
                    continue
                left += used_in(found[name])
        return found

    async def _book(self, workspace_id: str, ref: str) -> Playbook:
        return _stored(*await self._row(workspace_id, ref))

    async def _row(self, workspace_id: str, ref: str) -> tuple[str, str, str]:
        name, at, version = ref.partition("@")
        database = self._database.within(workspace_id)
        if at:
            rows = await database.fetch(
                "SELECT name, version, content FROM playbook_versions"
                " WHERE workspace_id = $1 AND name = $2 AND version = $3",
                workspace_id,
                name,
                version,
            )
        else:
            rows = await database.fetch(
                "SELECT v.name, v.version, v.content FROM playbooks p JOIN playbook_versions v"
                " ON v.workspace_id = p.workspace_id AND v.name = p.name AND v.version = p.version"
                " WHERE p.workspace_id = $1 AND p.name = $2",
                workspace_id,
                name,
            )
        if not rows:
            raise await self._not_found(workspace_id, ref)
        return str(rows[0][0]), str(rows[0][1]), str(rows[0][2])

    async def _not_found(self, workspace_id: str, ref: str) -> NotFound:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT name FROM playbooks WHERE workspace_id = $1 ORDER BY name LIMIT 50", workspace_id
        )
        known = ", ".join(str(row[0]) for row in rows) or "–"
        return NotFound(
            f"there is no playbook {ref!r}; there is {known}",
            code="not_found.playbook",
            context={"playbook": ref, "known": known},
        )

    async def list(self, workspace_id: str) -> list[PlaybookVersion]:
        return [book.version for book in await self.current(workspace_id)]


def used_in(book: Playbook) -> list[str]:
    return [name for raw in book.file.tasks if isinstance(name := raw.get("use"), str)]


@lru_cache(maxsize=512)
def _stored(name: str, version: str, content: str) -> Playbook:
    """Reading YAML costs a millisecond, so a version is read once."""
    return parse_playbook(content, filename=f"{name}@{version}")
