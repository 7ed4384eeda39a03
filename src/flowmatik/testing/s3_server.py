"""A small S3 over HTTP, for tests: it keeps objects in memory, answers PUT, GET, HEAD, DELETE and lists, and
refuses every request whose signature (AWS Signature Version 4) is not that of its keys. What works with it
is no proof of what works with a real S3."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape, unescape

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ALGORITHM = "AWS4-HMAC-SHA256"
PAGE = 10  # objects in one answer of a list, so that clients must ask again


@dataclass(slots=True, kw_only=True)
class S3Server:
    """`objects` by key; `away` answers 503 to everything; `refused` counts bad signatures."""

    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    objects: dict[str, bytes] = field(default_factory=lambda: {})
    away: bool = False
    refused: int = 0
    url: str = ""

    def app(self) -> Starlette:
        methods = ["GET", "PUT", "HEAD", "DELETE", "POST"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        if self.away:
            return _fault(503, "ServiceUnavailable")
        if not self._is_signed(request, body):
            self.refused += 1
            return _fault(403, "SignatureDoesNotMatch")
        bucket, _, key = request.path_params["path"].partition("/")
        if bucket != self.bucket:
            return _fault(404, "NoSuchBucket")
        if request.method == "PUT" and key:
            self.objects[key] = body
            return Response(headers={"ETag": _tag(body)})
        if request.method == "DELETE" and key:
            self.objects.pop(key, None)
            return Response(status_code=204)
        if request.method == "GET" and not key:
            return self._list(request)
        if request.method == "POST" and not key and "delete" in request.query_params:
            return self._delete(body.decode())
        if request.method not in ("GET", "HEAD") or key not in self.objects:
            return _fault(404, "NoSuchKey")
        data = self.objects[key]
        headers = {"ETag": _tag(data), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(len(data))})
        return Response(data, headers=headers)

    def _delete(self, body: str) -> Response:
        keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", body)]
        for key in keys:
            self.objects.pop(key, None)
        rows = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return _xml(200, f"<DeleteResult>{rows}</DeleteResult>")

    def _list(self, request: Request) -> Response:
        query = request.query_params
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page = keys[:PAGE]
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{_tag(self.objects[key])}</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in page
        )
        more = len(keys) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        return _xml(
            200,
            f"<ListBucketResult><Name>{self.bucket}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>",
        )

    def _is_signed(self, request: Request, body: bytes) -> bool:
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        named = (part.strip().partition("=") for part in rest.split(","))
        parts: dict[str, str] = {name: value for name, _, value in named}
        scope = parts.get("Credential", "").split("/")
        names = parts.get("SignedHeaders", "").split(";")
        said, at = request.headers.get("x-amz-content-sha256", ""), request.headers.get("x-amz-date", "")
        if kind != ALGORITHM or len(scope) != 5 or "host" not in names:
            return False
        if said != "UNSIGNED-PAYLOAD" and said != hashlib.sha256(body).hexdigest():
            return False
        if scope[0] != self.access_key or scope[2:] != [self.region, "s3", "aws4_request"]:
            return False
        canonical = "\n".join(
            [
                request.method,
                quote(request.scope["path"], safe="/-_.~"),
                _query(request),
                *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
                "",
                ";".join(names),
                said,
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = "\n".join([ALGORITHM, at, "/".join(scope[1:]), digest])
        key = f"AWS4{self.secret_key}".encode()
        for part in scope[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(signature, parts.get("Signature", "")) and _is_recent(at)


def _query(request: Request) -> str:
    pairs = [(_quoted(name), _quoted(value)) for name, value in request.query_params.multi_items()]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _is_recent(at: str) -> bool:
    try:
        moment = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs((datetime.now(UTC) - moment).total_seconds()) < 900


def _tag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def _fault(status: int, code: str) -> Response:
    return _xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")


def _xml(status: int, body: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{body}'
    return Response(text, status_code=status, media_type="application/xml")


@asynccontextmanager
async def serving(server: S3Server) -> AsyncGenerator[S3Server]:
    """On a free port of this machine, `server.url`, until the end of the block."""
    config = uvicorn.Config(server.app(), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    try:
        while not running.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        port = running.servers[0].sockets[0].getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        yield server
    finally:
        running.should_exit = True
        await task
