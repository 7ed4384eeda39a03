"""The HTTP side: neo4j.com/docs/query-api."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowmatik.testing.neo4j_server.graph import Graph, Refused
from flowmatik.testing.neo4j_server.statements import STATEMENTS, WRITES

Record = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Neo4jServer:
    """`away` answers 503 to everything, `busy` is how many statements end with a transient error, `slow` how
    many seconds each one takes. `ends_after` is how many more statements are done before it is away, -1 for
    all. `sent` are the statements that were done."""

    password: str
    user: str = "neo4j"
    database: str = "neo4j"
    version: str = "5.26.0"
    away: bool = False
    busy: int = 0
    slow: float = 0.0
    ends_after: int = -1
    graph: Graph = field(default_factory=Graph)
    sent: list[str] = field(default_factory=lambda: [])

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._discovery, methods=["GET"]),
                Route("/db/{database}/query/v2", self._query, methods=["POST"]),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        del request
        if self.away:
            return Response(status_code=503)
        return JSONResponse({"neo4j_version": self.version, "neo4j_edition": "community"})

    async def _query(self, request: Request) -> Response:
        await asyncio.sleep(self.slow)
        if self.away or self.ends_after == 0:
            return Response(status_code=503)
        try:
            self._admit(request)
            return JSONResponse(self._done(cast("Record", await request.json())), 202)
        except Refused as error:
            return JSONResponse({"errors": [{"code": error.code, "message": error.message}]}, error.status)

    def _admit(self, request: Request) -> None:
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            raise Refused(401, "Neo.ClientError.Security.Unauthorized", "Invalid credential.")
        database = request.path_params["database"]
        if database != self.database:
            raise Refused(
                404,
                "Neo.ClientError.Database.DatabaseNotFound",
                f"Graph not found: {database}",
            )

    def _done(self, body: Record) -> Record:
        unknown = body.keys() - {"statement", "parameters", "accessMode", "bookmarks", "includeCounters"}
        if unknown:
            raise Refused(400, "Neo.ClientError.Request.Invalid", f"unknown fields {sorted(unknown)}")
        statement = body["statement"]
        work = STATEMENTS.get(statement)
        if work is None:
            shown = str(statement)[:20]
            raise Refused(
                400, "Neo.ClientError.Statement.SyntaxError", f"Invalid input {shown!r} (this emulator)"
            )
        if statement in WRITES and body.get("accessMode", "Write") != "Write":
            raise Refused(
                400, "Neo.ClientError.Statement.AccessMode", "Writing in read access mode not allowed."
            )
        if self.busy > 0:
            self.busy -= 1
            raise Refused(500, "Neo.TransientError.Transaction.DeadlockDetected", "deadlock")
        parameters = cast("Record", body.get("parameters") or {})
        try:
            fields, values = self.graph.transaction(lambda: work(self.graph, parameters))
        except KeyError as error:
            raise Refused(
                400, "Neo.ClientError.Statement.ParameterMissing", f"Expected parameter(s): {error}"
            ) from error
        self.ends_after -= self.ends_after > 0
        self.sent.append(statement)
        mark = f"FB:{len(self.sent)}"
        return {"data": {"fields": fields, "values": values}, "bookmarks": [mark]}
