"""The HTTP side."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowmatik.testing.weaviate_server.graphql import Field, Malformed, parsed
from flowmatik.testing.weaviate_server.objects import Collection, Record, Refused, distance, fulfils

_CLASS = re.compile(r"[A-Z][_0-9A-Za-z]*")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True, kw_only=True)
class WeaviateServer:
    """`away` answers 503 to everything, `slow` is how many seconds each request takes, `losing` how many
    objects of the next batches fail. A deletion takes `most_deleted` objects at once. `asked` are the
    requests that came."""

    api_key: str = ""
    version: str = "1.30.0"
    away: bool = False
    slow: float = 0.0
    losing: int = 0
    most_deleted: int = 10_000
    most_found: int = 10_000
    collections: dict[str, Collection] = field(default_factory=lambda: {})
    asked: list[str] = field(default_factory=lambda: [])

    def app(self) -> Starlette:
        def route(path: str, work: Callable[[Request, Any], Response], *methods: str) -> Route:
            return Route(path, self._handled(work), methods=list(methods))

        return Starlette(
            routes=[
                route("/v1/meta", self._meta, "GET"),
                route("/v1/schema", self._make, "POST"),
                route("/v1/schema/{name}", self._schema, "GET"),
                route("/v1/schema/{name}/tenants", self._tenants, "POST", "DELETE"),
                route("/v1/batch/objects", self._batch, "POST"),
                route("/v1/batch/objects", self._batch_delete, "DELETE"),
                route("/v1/objects", self._listed, "GET"),
                route("/v1/objects/{name}/{id}", self._object, "GET", "DELETE"),
                route("/v1/graphql", self._graphql, "POST"),
            ]
        )

    def _handled(self, work: Callable[[Request, Any], Response]) -> Any:
        async def answer(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            await asyncio.sleep(self.slow)
            if self.away:
                return Response(status_code=503)
            if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
                return JSONResponse({"code": 401, "message": "unauthorized: invalid api key"}, 401)
            try:
                return work(request, await request.json() if await request.body() else None)
            except Refused as error:
                return JSONResponse({"error": [{"message": error.message}]}, error.status)

        return answer

    def _meta(self, request: Request, body: Any) -> Response:
        del request, body
        return JSONResponse({"hostname": "http://[::]:8080", "modules": {}, "version": self.version})

    def _make(self, request: Request, body: Record) -> Response:
        del request
        if not _CLASS.fullmatch(body["class"]):
            raise Refused(422, f"'{body['class']}' is not a valid class name")
        if body["class"] in self.collections:
            raise Refused(422, f"class name {body['class']} already exists")
        self.collections[body["class"]] = Collection(config=body)
        return JSONResponse(body)

    def _schema(self, request: Request, body: Any) -> Response:
        del body
        found = self.collections.get(request.path_params["name"])
        return JSONResponse(found.config) if found else Response(status_code=404)

    def _tenants(self, request: Request, body: list[Any]) -> Response:
        found = self._collection(request.path_params["name"])
        if not found.tenanted:
            raise Refused(422, f"multi-tenancy is not enabled for class {found.name}")
        if request.method == "DELETE":
            for name in body:
                found.tenants.pop(name, None)
            return Response()
        for one in body:
            if not _TENANT.fullmatch(one["name"]):
                raise Refused(422, f"tenant name should only contain alphanumeric characters: {one['name']}")
            found.tenants.setdefault(one["name"], {})
        return JSONResponse([{"name": one["name"], "activityStatus": "HOT"} for one in body])

    def _batch(self, request: Request, body: Record) -> Response:
        """Answered with 200 whatever fails."""
        del request
        answer: list[Record] = []
        for one in body["objects"]:
            try:
                if self.losing > 0:
                    self.losing -= 1
                    raise Refused(500, "put object: shard is read-only")
                if not _UUID.fullmatch(one["id"]):
                    raise Refused(422, f"invalid UUID length: {one['id']}")
                self._collection(one["class"]).put(one)
                result: Record = {"status": "SUCCESS"}
            except Refused as error:
                result = {"status": "FAILED", "errors": {"error": [{"message": error.message}]}}
            answer.append({**one, "deprecations": None, "result": result})
        return JSONResponse(answer)

    def _batch_delete(self, request: Request, body: Record) -> Response:
        found = self._collection(body["match"]["class"])
        objects = found.objects(request.query_params.get("tenant", ""))
        where = body["match"]["where"]
        matching = [name for name, one in objects.items() if fulfils(found, one, where)]
        gone = matching[: self.most_deleted]
        for name in gone:
            del objects[name]
        results = {
            "matches": len(matching), "limit": self.most_deleted, "successful": len(gone), "failed": 0,
            "objects": None,
        }  # fmt: skip
        return JSONResponse({**body, "dryRun": False, "results": results})

    def _listed(self, request: Request, body: Any) -> Response:
        """In the order of ids, after one."""
        del body
        query = request.query_params
        if "after" not in query:
            raise Refused(422, "this emulator lists with a cursor only")
        objects = self._collection(query["class"]).objects(query.get("tenant", ""))
        names = sorted(name for name in objects if name > query["after"])[: int(query.get("limit", "25"))]
        page = [{key: value for key, value in objects[name].items() if key != "vector"} for name in names]
        return JSONResponse({"objects": page, "totalResults": len(page), "deprecations": None})

    def _object(self, request: Request, body: Any) -> Response:
        del body
        objects = self._collection(request.path_params["name"]).objects(
            request.query_params.get("tenant", "")
        )
        found = objects.get(request.path_params["id"])
        if found is None:
            return Response(status_code=404)
        if request.method == "DELETE":
            del objects[request.path_params["id"]]
            return Response(status_code=204)
        return JSONResponse(found)

    def _graphql(self, request: Request, body: Record) -> Response:
        """Errors come with 200."""
        del request
        try:
            ((root,),) = (parsed(body["query"]),)
            work = {"Get": self._get, "Aggregate": self._aggregate}.get(root.name)
            if work is None:
                raise Refused(422, f'Cannot query field "{root.name}" on type "WeaviateObj".')
            return JSONResponse({"data": {root.name: {one.name: work(one) for one in root.fields}}})
        except (Malformed, Refused) as error:
            fault: Record = {"message": str(error), "locations": [{"line": 1, "column": 1}], "path": ["Get"]}
            return JSONResponse({"data": None, "errors": [fault]})

    def _get(self, one: Field) -> list[Record]:
        found = self._collection(one.name)
        limit = int(one.arguments["limit"])
        if limit > self.most_found:
            raise Refused(422, "query maximum results exceeded")
        question = cast("list[float]", one.arguments["nearVector"]["vector"])
        where = one.arguments.get("where")
        near = [
            (distance(question, object_["vector"]), object_)
            for object_ in found.objects(one.arguments.get("tenant", "")).values()
            if where is None or fulfils(found, object_, where)
        ]
        near.sort(key=lambda pair: pair[0])
        return [self._selected(one.fields, far, object_) for far, object_ in near[:limit]]

    def _selected(self, fields: list[Field], far: float, object_: Record) -> Record:
        additional = {"distance": far, "id": object_["id"]}
        return {
            one.name: {part.name: additional[part.name] for part in one.fields}
            if one.name == "_additional"
            else object_["properties"].get(one.name)
            for one in fields
        }

    def _aggregate(self, one: Field) -> list[Record]:
        objects = self._collection(one.name).objects(one.arguments.get("tenant", ""))
        return [{"meta": {"count": len(objects)}}]

    def _collection(self, name: str) -> Collection:
        found = self.collections.get(name)
        if found is None:
            raise Refused(422, f"could not find class {name} in schema")
        return found
