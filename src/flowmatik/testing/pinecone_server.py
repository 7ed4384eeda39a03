"""A small Pinecone for tests: one serverless index that keeps records in memory, evaluates the filters that
it is sent, and answers in the data API's form, errors too. What is written is found only after a while, as
there. What works with it is no proof of what works with the real service.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Record = dict[str, Any]
Records = dict[str, Record]
MOST_UPSERTED = 1000
MOST_BYTES = 2 * 1024 * 1024
MOST_METADATA = 40 * 1024
MOST_FOUND = 10_000
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda have, want: want in have if isinstance(have, list) else have == want,
    "$in": lambda have, want: any(one in want for one in _several(have)),
    "$gte": lambda have, want: have >= want,
    "$lte": lambda have, want: have <= want,
}


class Refused(Exception):
    """`code` as gRPC numbers it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True)
class Namespace:
    """`waiting`: writes with their number and the time from which they are found."""

    records: Records = field(default_factory=lambda: {})
    waiting: list[tuple[int, float, Callable[[Records], None]]] = field(default_factory=lambda: [])
    written: int = 0
    reflected: int = 0

    def write(self, change: Callable[[Records], None], delay: float) -> int:
        self.written += 1
        self.waiting.append((self.written, time.monotonic() + delay, change))
        return self.written

    def found(self) -> Records:
        while self.waiting and self.waiting[0][1] <= time.monotonic():
            self.reflected, _, change = self.waiting.pop(0)
            change(self.records)
        return self.records


@dataclass(slots=True, kw_only=True)
class PineconeServer:
    """`delay` in seconds until a write is found; `away` answers 503 to everything; `shy` gives only so great
    a share of the matches of a filtered query that asks for few, as approximate indexes may."""

    api_key: str
    dimension: int
    delay: float = 0.0
    away: bool = False
    shy: float = 1.0
    spaces: dict[str, Namespace] = field(default_factory=lambda: {})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/vectors/upsert", self._handled(self._upsert), methods=["POST"]),
                Route("/vectors/delete", self._handled(self._delete), methods=["POST"]),
                Route("/vectors/fetch", self._handled(self._fetch), methods=["GET"]),
                Route("/vectors/list", self._handled(self._list), methods=["GET"]),
                Route("/query", self._handled(self._query), methods=["POST"]),
                Route("/describe_index_stats", self._handled(self._stats), methods=["POST"]),
            ]
        )

    def _handled(self, work: Callable[[Request, Record], Response]) -> Any:
        async def answer(request: Request) -> Response:
            if self.away:
                return JSONResponse({"code": 14, "message": "unavailable", "details": []}, 503)
            if request.headers.get("Api-Key") != self.api_key:
                return Response("Unauthorized", 401)
            raw = await request.body()
            try:
                if len(raw) > MOST_BYTES:
                    raise Refused(
                        400, 11, f"Request size {len(raw)} exceeds the maximum of {MOST_BYTES} bytes"
                    )
                return work(request, json.loads(raw) if raw else {})
            except Refused as error:
                body: Record = {"code": error.code, "message": error.message, "details": []}
                return JSONResponse(body, error.status)

        return answer

    def _space(self, name: str) -> Namespace:
        return self.spaces.setdefault(name, Namespace())

    def _upsert(self, request: Request, body: Record) -> Response:
        del request
        vectors = body["vectors"]
        if len(vectors) > MOST_UPSERTED:
            raise Refused(400, 3, f"Number of vectors must be at most {MOST_UPSERTED}")
        for one in vectors:
            self._checked(one["values"])
            if not one["id"].isascii() or not 0 < len(one["id"]) <= 512:
                raise Refused(400, 3, "Vector ID must be ASCII, of 1 to 512 characters")
            _check_metadata(one.get("metadata") or {})
        space = self._space(body["namespace"])

        def change(records: Records) -> None:
            records.update({one["id"]: one for one in vectors})

        number = space.write(change, self.delay)
        return JSONResponse({"upsertedCount": len(vectors)}, headers={"x-pinecone-request-lsn": str(number)})

    def _delete(self, request: Request, body: Record) -> Response:
        del request
        space = self.spaces.get(body["namespace"])
        if space is None:
            raise Refused(404, 5, "Namespace not found")
        if sum(name in body for name in ("ids", "deleteAll", "filter")) != 1:
            raise Refused(400, 3, "Exactly one of ids, deleteAll and filter must be given")
        if len(body.get("ids", [])) > MOST_UPSERTED:
            raise Refused(400, 3, f"Number of IDs must be at most {MOST_UPSERTED}")
        if "filter" in body:
            fulfils({}, body["filter"])

        def change(records: Records) -> None:
            for name, one in list(records.items()):
                if (
                    body.get("deleteAll")
                    or name in body.get("ids", ())
                    or ("filter" in body and fulfils(one.get("metadata") or {}, body["filter"]))
                ):
                    del records[name]

        number = space.write(change, self.delay)
        return JSONResponse({}, headers={"x-pinecone-request-lsn": str(number)})

    def _fetch(self, request: Request, body: Record) -> Response:
        del body
        name = request.query_params["namespace"]
        found = self._space(name).found() if name in self.spaces else {}
        wanted = request.query_params.getlist("ids")
        return JSONResponse({"vectors": {i: found[i] for i in wanted if i in found}, "namespace": name})

    def _list(self, request: Request, body: Record) -> Response:
        """In the order of ids; a token is the last id of its page."""
        del body
        query = request.query_params
        limit = int(query.get("limit", "100"))
        if not 1 <= limit <= 100:
            raise Refused(400, 3, "limit must be between 1 and 100")
        found = self._space(query["namespace"]).found() if query["namespace"] in self.spaces else {}
        names = sorted(name for name in found if name > query.get("paginationToken", ""))
        page = names[:limit]
        answer: Record = {"vectors": [{"id": name} for name in page], "namespace": query["namespace"]}
        if len(names) > limit:
            answer["pagination"] = {"next": page[-1]}
        return JSONResponse(answer)

    def _query(self, request: Request, body: Record) -> Response:
        del request
        if not 1 <= body["topK"] <= MOST_FOUND:
            raise Refused(400, 3, f"topK must be between 1 and {MOST_FOUND}")
        question = self._checked(body["vector"])
        name = body.get("namespace", "")
        if name not in self.spaces:
            return JSONResponse({"matches": [], "namespace": name, "usage": {"readUnits": 1}})
        space = self.spaces[name]
        wanted = body.get("filter")
        matches = [
            (_cosine(question, one["values"]), one)
            for one in space.found().values()
            if wanted is None or fulfils(one.get("metadata") or {}, wanted)
        ]
        matches.sort(key=lambda one: -one[0])
        if wanted is not None and body["topK"] < 20:
            matches = matches[: max(1, int(self.shy * len(matches)))]
        answer: list[Record] = [
            {
                "id": one["id"],
                "score": score,
                **({"metadata": one.get("metadata") or {}} if body.get("includeMetadata") else {}),
            }
            for score, one in matches[: body["topK"]]
        ]
        headers = {"x-pinecone-max-indexed-lsn": str(space.reflected)}
        told: Record = {"matches": answer, "namespace": name, "usage": {"readUnits": 1}}
        return JSONResponse(told, headers=headers)

    def _stats(self, request: Request, body: Record) -> Response:
        del request, body
        counts = {name: len(space.found()) for name, space in self.spaces.items()}
        return JSONResponse({
            "namespaces": {name: {"vectorCount": count} for name, count in counts.items() if count},
            "dimension": self.dimension,
            "indexFullness": 0,
            "totalVectorCount": sum(counts.values()),
            "metric": "cosine",
            "vectorType": "dense",
        })  # fmt: skip

    def _checked(self, values: list[float]) -> list[float]:
        if len(values) != self.dimension:
            raise Refused(
                400, 3,
                f"Vector dimension {len(values)} does not match the dimension of the index {self.dimension}",
            )  # fmt: skip
        if not any(values):
            raise Refused(400, 3, "Dense vectors must contain at least one non-zero value.")
        return values


def fulfils(metadata: Record, wanted: Record) -> bool:
    """Whether a record of this metadata fulfils a filter; what is not there fulfils nothing."""
    for name, condition in wanted.items():
        if name == "$and":
            if not all(fulfils(metadata, one) for one in condition):
                return False
            continue
        if name.startswith("$") or not isinstance(condition, dict):
            raise Refused(400, 3, f"unsupported operator {name}")
        for operator, value in cast("Record", condition).items():
            if operator not in _COMPARED:
                raise Refused(400, 3, f"{operator} is not a valid operator")
            if name not in metadata or not _COMPARED[operator](metadata[name], value):
                return False
    return True


def _several(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _check_metadata(metadata: Record) -> None:
    for name, value in metadata.items():
        texts = isinstance(value, list) and all(isinstance(one, str) for one in _several(value))
        if not texts and not isinstance(value, (str, int, float, bool)):
            raise Refused(
                400, 3, f"Metadata value must be a string, number, boolean or list of strings, got {name}"
            )
    if len(json.dumps(metadata).encode()) > MOST_METADATA:
        raise Refused(400, 3, "Metadata size exceeds the limit of 40960 bytes per vector")


def _cosine(one: list[float], other: list[float]) -> float:
    a, b = np.asarray(one), np.asarray(other)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
