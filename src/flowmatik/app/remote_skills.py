"""Skills of a server, for the command line."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.skills import SkillFolder

_FOLDER = TypeAdapter(SkillFolder)
_FOLDERS = TypeAdapter(Listed[SkillFolder])


class RemoteSkills:
    """Implements `Skills`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self) -> list[SkillFolder]:
        return list((await self._server.ask(_FOLDERS, "GET", "/v1/skills")).items)

    async def get(self, name: str) -> SkillFolder:
        return await self._server.ask(_FOLDER, "GET", f"/v1/skills/{quote(name, safe='')}")
