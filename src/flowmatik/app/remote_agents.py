"""Versions and bundles of a server's agents, for the command line."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.bundles import AppliedBundle, BundleView, Incoming, TrustedKey
from flowmatik.contracts.channels import (
    STABLE,
    AgentChange,
    AgentDiff,
    AgentFile,
    AgentStanding,
    Author,
    Evaluation,
    ImportedChange,
    Promotion,
)


class _Bundle(BaseModel):
    content: str


_STANDING = TypeAdapter(AgentStanding)
_STANDINGS = TypeAdapter(Listed[AgentStanding])
_CHANGES = TypeAdapter(Listed[AgentChange])
_DIFF = TypeAdapter(AgentDiff)
_FILES = TypeAdapter(Listed[AgentFile])
_IMPORTED = TypeAdapter(Listed[ImportedChange])
_BUNDLE = TypeAdapter(_Bundle)
_VIEW = TypeAdapter(BundleView)
_APPLIED = TypeAdapter(AppliedBundle)
_KEY = TypeAdapter(TrustedKey)
_KEYS = TypeAdapter(Listed[TrustedKey])


def _of(ref: str) -> str:
    return f"/v1/agents/{quote(ref, safe='')}"


class RemoteVersions:
    """Implements `AgentVersions`; the server knows workspace and author by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def standings(self, workspace_id: str) -> list[AgentStanding]:
        return list((await self._server.ask(_STANDINGS, "GET", "/v1/agents:standings")).items)

    async def standing(self, workspace_id: str, name: str) -> AgentStanding:
        return await self._server.ask(_STANDING, "GET", f"{_of(name)}/versions")

    async def history(self, workspace_id: str, name: str) -> list[AgentChange]:
        return list((await self._server.ask(_CHANGES, "GET", f"{_of(name)}/history")).items)

    async def diff(self, workspace_id: str, was: str, becomes: str) -> AgentDiff:
        return await self._server.ask(_DIFF, "GET", f"{_of(was)}/diff", params={"to": becomes})

    async def promote(self, workspace_id: str, wanted: Promotion, author: Author) -> AgentStanding:
        body = {
            "from": wanted.source,
            "to": wanted.to,
            "weight": wanted.weight,
            "expected": wanted.expected,
            "reason": author.reason,
        }
        return await self._server.ask(_STANDING, "POST", f"{_of(wanted.name)}/promote", json=body)

    async def rollback(
        self, workspace_id: str, name: str, author: Author, *, channel: str = STABLE
    ) -> AgentStanding:
        body = {"channel": channel, "reason": author.reason}
        return await self._server.ask(_STANDING, "POST", f"{_of(name)}/rollback", json=body)

    async def deprecate(
        self, workspace_id: str, ref: str, author: Author, *, block: bool = False, lift: bool = False
    ) -> AgentStanding:
        body = {"block": block, "lift": lift, "reason": author.reason}
        return await self._server.ask(_STANDING, "POST", f"{_of(ref)}/deprecate", json=body)

    async def record_evaluation(self, workspace_id: str, evaluation: Evaluation) -> None:
        given = asdict(evaluation)
        body = {name: given[name] for name in ("set_name", "set_hash", "score", "n", "model")}
        ref = f"{evaluation.name}@{evaluation.version}"
        await self._server.json("POST", f"{_of(ref)}/evaluations", json=body)

    async def export(self, workspace_id: str, names: Sequence[str] = ()) -> list[AgentFile]:
        body = {"names": list(names)}
        return list((await self._server.ask(_FILES, "POST", "/v1/agents:export", json=body)).items)

    async def import_files(
        self, workspace_id: str, files: Sequence[AgentFile], author: Author, *, dry_run: bool = False
    ) -> list[ImportedChange]:
        body = {"files": [asdict(file) for file in files], "dry_run": dry_run, "reason": author.reason}
        return list((await self._server.ask(_IMPORTED, "POST", "/v1/agents:import", json=body)).items)


class RemoteBundles:
    """Implements `AgentBundles`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def create(
        self, workspace_id: str, author: Author, *, names: Sequence[str] = (), channel: str = STABLE
    ) -> bytes:
        body = {"names": list(names), "channel": channel}
        made = await self._server.ask(_BUNDLE, "POST", "/v1/agents:bundle", json=body)
        return base64.b64decode(made.content)

    async def verify(self, workspace_id: str, incoming: Incoming) -> BundleView:
        body = {"content": base64.b64encode(incoming.content).decode(), "key": incoming.key}
        return await self._server.ask(_VIEW, "POST", "/v1/agents:verify-bundle", json=body)

    async def apply(self, workspace_id: str, incoming: Incoming, author: Author) -> AppliedBundle:
        body = {
            "content": base64.b64encode(incoming.content).decode(),
            "key": incoming.key,
            "channel": incoming.channel,
            "dry_run": incoming.dry_run,
            "reason": author.reason,
        }
        return await self._server.ask(_APPLIED, "POST", "/v1/agents:apply-bundle", json=body)

    async def keys(self, workspace_id: str) -> list[TrustedKey]:
        return list((await self._server.ask(_KEYS, "GET", "/v1/agents:keys")).items)

    async def trust(self, workspace_id: str, public: str, name: str, author: Author) -> TrustedKey:
        body = {"public": public, "name": name}
        return await self._server.ask(_KEY, "POST", "/v1/agents:keys", json=body)

    async def distrust(self, workspace_id: str, key_id: str, author: Author) -> None:
        await self._server.json("DELETE", f"/v1/agents:keys/{quote(key_id, safe='')}")
