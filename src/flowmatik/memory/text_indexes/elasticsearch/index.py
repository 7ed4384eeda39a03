"""The index: how rows are written and found."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from flowmatik.contracts.indexes import Filter, places
from flowmatik.contracts.text_indexes import Asked, TextHit, TextRow
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory.bm25 import rarity
from flowmatik.memory.index_faults import away, unfit
from flowmatik.memory.text_indexes.elasticsearch.mapping import index_body
from flowmatik.memory.text_indexes.elasticsearch.querying import count_query, filters, word_query
from flowmatik.memory.text_indexes.elasticsearch.server import ID, Answer, Server, fault, kind_of

_AT_ONCE = 500  # rows of one bulk request: some megabytes at most
_PAGE = 1000
_ROW = "c:"  # so that no passage has the id of the position
_POSITION = "position"
_GONE = "index_not_found_exception"
_MADE = "resource_already_exists_exception"
_MAJORS = ("8", "9")


class ElasticsearchIndex:
    """As `TextIndex` promises."""

    id = ID

    def __init__(self, server: Server, *, prefix: str, replicas: int) -> None:
        self._server = server
        self._prefix = prefix
        self._replicas = replicas

    async def upsert(self, workspace_id: str, rows: Sequence[TextRow]) -> None:
        latest = list({row.chunk: row for row in rows}.values())
        for at in range(0, len(latest), _AT_ONCE):
            lines: list[object] = []
            for row in latest[at : at + _AT_ONCE]:
                lines += [{"index": {"_id": f"{_ROW}{row.chunk}"}}, _document(workspace_id, row)]
            await self._written(workspace_id, lines)

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        for at in range(0, len(chunks), _AT_ONCE):
            lines: list[object] = [
                {"delete": {"_id": f"{_ROW}{one}"}} for one in dict.fromkeys(chunks[at : at + _AT_ONCE])
            ]
            await self._bulk(workspace_id, lines)

    async def delete_documents(
        self, workspace_id: str, documents: Sequence[str], keep: Sequence[str] = ()
    ) -> None:
        kept, old = set(keep), list[str]()
        for at in range(0, len(documents), _PAGE):
            extra = [{"terms": {"document": list(documents[at : at + _PAGE])}}]
            old += [one async for one in self._chunks(workspace_id, extra) if one not in kept]
        await self.delete(workspace_id, old)

    async def search(self, workspace_id: str, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
        if not asked or limit < 1:
            return []
        conditions = filters(workspace_id, where)
        lines: list[object] = [
            {"index": self._name(workspace_id)},
            word_query(asked, conditions, limit, self._server.timeout),
            {"index": self._name(workspace_id)},
            count_query(conditions, self._server.timeout),
        ]
        answer = await self._server.ask("POST", "/_msearch", lines)
        found, counted = (_whole(one) for one in cast("list[Answer]", answer["responses"]))
        if not found or not counted:
            return []
        count = int(counted["hits"]["total"]["value"])
        held = [int(found["aggregations"][str(n)]["doc_count"]) for n in range(len(asked))]
        weights = [rarity(count, holding) for holding in held]
        mass = sum(weights) or 1.0
        return [
            TextHit(
                chunk=str(hit["_id"]).removeprefix(_ROW),
                score=float(hit["_score"]),
                coverage=sum(weights[int(name)] for name in hit["matched_queries"]) / mass,
            )
            for hit in found["hits"]["hits"]
        ]

    async def ids(self, workspace_id: str, after: str = "", limit: int = 1000) -> list[str]:
        return await self._page(workspace_id, [], after, limit)

    async def count(self, workspace_id: str) -> int:
        body = {"query": {"bool": {"filter": filters(workspace_id, Filter())}}}
        answer = await self._server.ask("POST", f"/{self._name(workspace_id)}/_count", body, missing=True)
        return int(answer.get("count", 0))

    async def position(self, workspace_id: str) -> int:
        path = f"/{self._name(workspace_id)}/_doc/{_POSITION}"
        answer = await self._server.ask("GET", path, missing=True)
        return int(answer["_source"]["position"]) if answer else 0

    async def settle(self, workspace_id: str, position: int) -> None:
        await self._written(workspace_id, [{"index": {"_id": _POSITION}}, {"position": position}])

    async def drop(self, workspace_id: str) -> None:
        await self._server.ask("DELETE", f"/{self._name(workspace_id)}-rows", missing=True)

    async def purge(self, workspace_id: str) -> bool:
        """Merged away; what is left on the server's disks and in its snapshots nobody here can say."""
        path = f"/{self._name(workspace_id)}/_forcemerge"
        await self._server.ask("POST", path, missing=True, max_num_segments="1")
        return False

    async def health(self) -> None:
        version = str((await self._server.ask("GET", "/"))["version"]["number"])
        if version.split(".")[0] not in _MAJORS:
            raise unfit(ID, f"Elasticsearch {version}", "Elasticsearch 8 or 9")

    async def close(self) -> None:
        await self._server.close()

    def _name(self, workspace_id: str) -> str:
        """Index names are lower-case and short; workspace ids need not be."""
        return f"{self._prefix}-{hashlib.sha256(workspace_id.encode()).hexdigest()[:32]}"

    async def _written(self, workspace_id: str, lines: list[object]) -> None:
        """Into the index, which is made when it is not there."""
        if await self._bulk(workspace_id, lines):
            return
        name = self._name(workspace_id)
        try:
            await self._server.ask("PUT", f"/{name}-rows", index_body(name, self._replicas))
        except ConfigurationError as error:
            if _MADE not in error.message:  # somebody else was quicker
                raise
        if not await self._bulk(workspace_id, lines):
            raise away(ID, f"the index {name} went while it was written")

    async def _bulk(self, workspace_id: str, lines: list[object]) -> bool:
        """Whether the index is there. Raises for the first row that was not taken."""
        answer = await self._server.ask(
            "POST",
            f"/{self._name(workspace_id)}/_bulk",
            lines,
            missing=True,
            refresh="wait_for",
            require_alias="true",
        )
        if not answer:
            return False
        for item in cast("list[Answer]", answer["items"]) if answer["errors"] else ():
            ((_, result),) = item.items()
            error = result.get("error")
            if kind_of(error) == _GONE:
                return False
            if error is not None:
                raise fault(int(result["status"]), error)
        return True

    async def _chunks(self, workspace_id: str, extra: list[Any]) -> AsyncIterator[str]:
        after = ""
        while page := await self._page(workspace_id, extra, after, _PAGE):
            for one in page:
                yield one
            after = page[-1]

    async def _page(self, workspace_id: str, extra: list[Any], after: str, limit: int) -> list[str]:
        body = {
            "size": limit,
            "_source": False,
            "query": {"bool": {"filter": [*filters(workspace_id, Filter()), *extra]}},
            "sort": [{"chunk": "asc"}],
            "search_after": [after],
        }
        path = f"/{self._name(workspace_id)}/_search"
        answer = await self._server.ask(
            "POST", path, body, missing=True, allow_partial_search_results="false"
        )
        return [str(hit["sort"][0]) for hit in answer["hits"]["hits"]] if answer else []


def _document(workspace_id: str, row: TextRow) -> dict[str, object]:
    """What is nobody's and of no date is left out, which is how it is found to be missing."""
    found: dict[str, object] = {
        "workspace": workspace_id,
        "chunk": row.chunk,
        "document": row.document,
        "places": list(places(row.source)),
        "terms": " ".join(row.terms),
    }
    labels = {"acl": sorted(set(row.acl)), "tags": sorted(set(row.tags)), "dated": row.dated}
    return found | {key: value for key, value in labels.items() if value}


def _whole(answer: Answer) -> Answer:
    """One of several answers; an empty one when the index is not there."""
    error = answer.get("error")
    if kind_of(error) == _GONE:
        return {}
    if error is not None:
        raise fault(int(answer["status"]), error)
    if answer["timed_out"] or answer["_shards"]["failed"]:
        raise away(ID, "a search came back before it was done")
    return answer
