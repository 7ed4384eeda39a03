"""The HTTP side."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowmatik.testing.elasticsearch_server.rows import Index, Refused, Row
from flowmatik.testing.elasticsearch_server.searching import answer, matching


@dataclass(slots=True, kw_only=True)
class ElasticsearchServer:
    """`key` is the API key that it wants, "" for none; `user` a name and password beside it. `away` answers
    503 to everything, `busy` is how many requests get 429, `slow` how many seconds each one takes, `torn`
    makes every search lose a shard, `full` refuses rows. `refresh` is its refresh interval in seconds;
    `requests` are those that came."""

    key: str = ""
    user: str = ""
    version: str = "8.15.3"
    away: bool = False
    busy: int = 0
    slow: float = 0.0
    torn: bool = False
    full: bool = False
    refresh: float = 0.05
    indices: dict[str, Index] = field(default_factory=lambda: {})
    requests: list[tuple[str, str]] = field(default_factory=lambda: [])

    def app(self) -> Starlette:
        methods = ["GET", "PUT", "POST", "DELETE", "HEAD"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        path = request.url.path
        self.requests.append((request.method, path))
        await asyncio.sleep(self.slow)
        try:
            self._admit(request)
            status, found = await self._done(request, path.strip("/").split("/"), body)
        except Refused as error:
            status, found = error.status, {"error": error.body, "status": error.status}
        except (KeyError, ValueError, TypeError) as error:
            fault = Refused(400, "parsing_exception", f"{type(error).__name__}: {error}")
            status, found = 400, {"error": fault.body, "status": 400}
        return JSONResponse(found, status, headers={"X-elastic-product": "Elasticsearch"})

    def _admit(self, request: Request) -> None:
        if self.away:
            raise Refused(503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master]")
        if self.busy > 0:
            self.busy -= 1
            raise Refused(
                429, "es_rejected_execution_exception", "rejected execution of coordinating operation"
            )
        given = request.headers.get("authorization", "")
        user = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        if self.key and given != f"ApiKey {self.key}" and not (self.user and given == user):
            raise Refused(401, "security_exception", "unable to authenticate")

    async def _done(self, request: Request, parts: list[str], body: str) -> tuple[int, Row]:
        match request.method, parts:
            case "GET", [""]:
                return 200, {"name": "emulator", "version": {"number": self.version}}
            case "POST", ["_msearch"]:
                lines = list(_lines(body))
                pairs = zip(lines[::2], lines[1::2], strict=True)
                return 200, {"took": 1, "responses": [self._one(head, one) for head, one in pairs]}
            case "PUT", [name]:
                return self._make(name, json.loads(body))
            case "DELETE", [name]:
                self._whole(name)
                del self.indices[name]
                return 200, {"acknowledged": True}
            case "POST", [name, "_bulk"]:
                return await self._bulk(request, name, body)
            case "POST", [name, "_search"]:
                return 200, self._searched(self._index(name), json.loads(body))
            case "POST", [name, "_count"]:
                return 200, {"count": len(matching(self._index(name), json.loads(body)["query"]))}
            case "POST", [name, "_forcemerge"]:
                self._index(name)
                return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}
            case "GET", [name, "_doc", key]:
                index = self._index(name)
                if key not in index.rows:
                    return 404, {"_index": index.name, "_id": key, "found": False}
                return 200, {"_id": key, "found": True, "_source": index.source(index.rows[key])}
            case _:
                raise Refused(400, "illegal_argument_exception", f"no handler for [{request.url.path}]")

    def _index(self, name: str) -> Index:
        for index in self.indices.values():
            if name in {index.name, *index.aliases}:
                return index
        raise Refused(404, "index_not_found_exception", f"no such index [{name}]")

    def _whole(self, name: str) -> Index:
        """An index by its own name: aliases cannot be deleted as one."""
        if name in self.indices:
            return self.indices[name]
        raise Refused(404, "index_not_found_exception", f"no such index [{name}]")

    def _make(self, name: str, body: Row) -> tuple[int, Row]:
        if name in self.indices:
            reason = f"index [{name}/x] already exists"
            raise Refused(400, "resource_already_exists_exception", reason)
        if name != name.lower():
            raise Refused(
                400, "invalid_index_name_exception", f"Invalid index name [{name}], must be lowercase"
            )
        aliases = set(cast("Row", body.get("aliases", {})))
        self.indices[name] = Index(name=name, mappings=body["mappings"], aliases=aliases)
        return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def _one(self, head: Row, body: Row) -> Row:
        try:
            return {**self._searched(self._index(str(head["index"])), body), "status": 200}
        except Refused as error:
            return {"error": error.body, "status": error.status}

    def _searched(self, index: Index, body: Row) -> Row:
        found = answer(index, body)
        if self.torn:
            found["_shards"] = {"total": 1, "successful": 0, "skipped": 0, "failed": 1}
        return found

    async def _bulk(self, request: Request, name: str, body: str) -> tuple[int, Row]:
        if not body.endswith("\n"):
            raise Refused(
                400, "illegal_argument_exception", "The bulk request must be terminated by a newline"
            )
        lines, items = _lines(body), list[Row]()
        alias = request.query_params.get("require_alias") == "true"
        for action in lines:
            ((verb, meta),) = action.items()
            row = next(lines) if verb == "index" else None
            items.append({verb: self._item(name, str(meta["_id"]), row, alias)})
        refresh = request.query_params.get("refresh", "false")
        if refresh == "wait_for":
            await asyncio.sleep(self.refresh)
        if refresh != "false":
            for index in self.indices.values():
                index.refresh()
        errors = any("error" in one for item in items for one in item.values())
        return 200, {"took": 1, "errors": errors, "items": items}

    def _item(self, name: str, key: str, row: Row | None, alias: bool) -> Row:
        try:
            index = self._index(name)
            if alias and row is not None and name not in index.aliases:
                raise Refused(404, "index_not_found_exception", f"[{name}] is not an alias")
            if self.full and row is not None:
                raise Refused(429, "cluster_block_exception", "disk usage exceeded flood-stage watermark")
            if row is None:
                gone = index.rows.pop(key, None) is None
                return {
                    "_id": key,
                    "result": "not_found" if gone else "deleted",
                    "status": 404 if gone else 200,
                }
            new = index.put(key, row)
            return {"_id": key, "result": "created" if new else "updated", "status": 201 if new else 200}
        except Refused as error:
            return {"_id": key, "status": error.status, "error": error.body}


def _lines(body: str) -> Iterator[dict[str, Any]]:
    return (cast("dict[str, Any]", json.loads(line)) for line in body.split("\n") if line)
