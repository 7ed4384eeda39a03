"""A server's facts over HTTP; the server knows the caller by the credential."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer, segment
from flowmatik.contracts.facts import (
    EVERY_FACT,
    Correction,
    ExtractionCost,
    Fact,
    FactErasure,
    FactFilter,
    FactPage,
    FactPolicy,
    NewFact,
)
from flowmatik.contracts.security import Principal

_FACT = TypeAdapter(Fact)
_FACTS = TypeAdapter(Listed[Fact])
_ERASURE = TypeAdapter(FactErasure)
_ERASURES = TypeAdapter(Listed[FactErasure])
_COST = TypeAdapter(ExtractionCost)
_POLICY = TypeAdapter(FactPolicy)


class RemoteFacts:
    """Implements `Facts`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(
        self, principal: Principal, wanted: FactFilter = EVERY_FACT, *, cursor: str = "", limit: int = 50
    ) -> FactPage:
        asked = {name: value for name, value in dataclasses.asdict(wanted).items() if value}
        params: dict[str, Any] = {**asked, "limit": limit, **({"cursor": cursor} if cursor else {})}
        page = await self._server.ask(_FACTS, "GET", "/v1/facts", params=params)
        return FactPage(items=page.items, next=page.next or "")

    async def get(self, principal: Principal, fact_id: str) -> Fact:
        return await self._server.ask(_FACT, "GET", _at(fact_id))

    async def history(self, principal: Principal, fact_id: str) -> Sequence[Fact]:
        return (await self._server.ask(_FACTS, "GET", f"{_at(fact_id)}/history")).items

    async def add(self, principal: Principal, new: NewFact) -> Fact:
        body = dataclasses.asdict(new)
        del body["person"]
        return await self._server.ask(_FACT, "POST", "/v1/facts", json=body)

    async def correct(self, principal: Principal, fact_id: str, correction: Correction) -> Fact:
        body = dataclasses.asdict(correction)
        return await self._server.ask(_FACT, "POST", f"{_at(fact_id)}/correct", json=body)

    async def end(self, principal: Principal, fact_id: str, *, at: str = "") -> Fact:
        return await self._server.ask(_FACT, "POST", f"{_at(fact_id)}/end", json={"at": at})

    async def forget(self, principal: Principal, fact_id: str) -> FactErasure:
        return await self._server.ask(_ERASURE, "DELETE", _at(fact_id))

    async def forget_person(self, principal: Principal, person: str = "") -> FactErasure:
        params = {"person": person} if person else {}
        return await self._server.ask(_ERASURE, "DELETE", "/v1/facts", params=params)

    async def erasures(self, principal: Principal, *, limit: int = 50) -> Sequence[FactErasure]:
        params = {"limit": limit}
        return (await self._server.ask(_ERASURES, "GET", "/v1/facts/erasures", params=params)).items

    async def policy(self, principal: Principal) -> FactPolicy:
        return await self._server.ask(_POLICY, "GET", "/v1/facts/policy")

    async def set_policy(self, principal: Principal, policy: FactPolicy) -> FactPolicy:
        body = dataclasses.asdict(policy)
        return await self._server.ask(_POLICY, "PUT", "/v1/facts/policy", json=body)


class RemoteExtraction:
    """Implements `FactExtraction`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def cost(self, principal: Principal, thread_id: str, *, model: str = "") -> ExtractionCost:
        params = {"thread": thread_id, "model": model}
        return await self._server.ask(_COST, "GET", "/v1/facts/extraction", params=params)

    async def extract(
        self, principal: Principal, thread_id: str, *, model: str = "", most_micros: int
    ) -> Sequence[Fact]:
        body = {"thread": thread_id, "model": model, "max_usd": most_micros / 1_000_000}
        return (await self._server.ask(_FACTS, "POST", "/v1/facts/extraction", json=body)).items


def _at(fact_id: str) -> str:
    return f"/v1/facts/{segment(fact_id)}"
