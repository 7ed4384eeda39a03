"""A call of an operation over HTTP, and what its answer means."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urljoin

import httpx

from flowmatik.agents.openapi.operations import Operation, Parameter
from flowmatik.agents.outbound import read_bounded
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.addresses import origin_of
from flowmatik.kernel.errors import ToolError, ToolInputInvalid, ToolOutcomeUnknown

MOST_REDIRECTS = 3
LONGEST_REASON = 1_000
AFTER_ALL = (501, 505)  # of 5xx: refused before anything was done


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What goes over the wire."""

    method: str
    url: str
    params: Sequence[tuple[str, str]]
    headers: dict[str, str]
    content: bytes | None


def request_of(operation: Operation, base: str, arguments: dict[str, Any], *, key: str) -> Sent:
    """Raises ToolInputInvalid for a value that would lead to another path, or break a header."""
    path, headers = operation.path, {"Accept": "application/json, text/*;q=0.8"}
    params: list[tuple[str, str]] = []
    for one in operation.parameters:
        if one.argument not in arguments:
            continue
        value = arguments[one.argument]
        if one.place == "query":
            params += _query(one, value)
        elif one.place == "path":
            path = path.replace(f"{{{one.name}}}", _segment(operation, one, _simple(value)))
        else:
            headers[one.name] = _header(operation, one, _simple(value))
    content = None
    if operation.body and operation.body in arguments:
        content = json.dumps(arguments[operation.body], ensure_ascii=False).encode()
        headers["Content-Type"] = operation.media
    if operation.keyed:
        headers["Idempotency-Key"] = key
    return Sent(
        method=operation.method.upper(),
        url=base.rstrip("/") + path,
        params=params,
        headers=headers,
        content=content,
    )


def _simple(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_simple(one) for one in cast("list[object]", value))
    if isinstance(value, dict):
        return ",".join(f"{name},{_simple(one)}" for name, one in cast("dict[str, object]", value).items())
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _query(one: Parameter, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        rows = cast("dict[str, object]", value).items()
        if one.deep:
            return [(f"{one.name}[{name}]", _simple(inner)) for name, inner in rows]
        if one.explode:
            return [(name, _simple(inner)) for name, inner in rows]
    elif isinstance(value, list) and one.explode:
        return [(one.name, _simple(inner)) for inner in cast("list[object]", value)]
    return [(one.name, _simple(value))]


def _segment(operation: Operation, one: Parameter, text: str) -> str:
    if not text or text in (".", ".."):
        raise _unsendable(operation, one, "it would lead to another path")
    return quote(text, safe="")


def _header(operation: Operation, one: Parameter, text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise _unsendable(operation, one, "a header is of printable ASCII")
    return text


def _unsendable(operation: Operation, one: Parameter, said: str) -> ToolInputInvalid:
    row = {"place": one.argument, "code": "field.other", "values": {"said": said}, "text": said}
    return ToolInputInvalid(
        f"{operation.tool}: {one.argument}: {said}", context={"tool": operation.tool, "details": [row]}
    )


async def sent(
    client: httpx.AsyncClient, operation: Operation, request: Sent, *, own: Mapping[str, str], most: int
) -> tuple[int, Any]:
    """The status and what the tool answers; 401 comes back for whoever may have other credentials. Raises
    ToolError, and ToolOutcomeUnknown where it may have been done."""
    url, params, hops = request.url, httpx.QueryParams(list(request.params)), 0
    while True:
        built = client.build_request(
            request.method, url, params=params, headers={**request.headers, **own}, content=request.content
        )
        try:
            answer = await client.send(built, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
            raise ToolError(
                f"{operation.tool}: {built.url.host!r} cannot be reached now; try again later",
                code="tool.openapi.unreachable",
                retryable=True,
                context={"tool": operation.tool, "host": built.url.host},
            ) from error
        except httpx.HTTPError as error:
            raise _broken(operation, type(error).__name__) from error
        try:
            if answer.status_code == 401:
                return 401, None
            if not answer.is_redirect:
                return answer.status_code, await _answered(operation, answer, most)
            url, params, hops = _redirected(operation, request, answer, hops), None, hops + 1
        except httpx.HTTPError as error:
            raise _broken(operation, type(error).__name__) from error
        finally:
            await answer.aclose()


def _redirected(operation: Operation, request: Sent, answer: httpx.Response, hops: int) -> str:
    """Where to look instead: for what only reads, at the same host, a few times."""
    target = urljoin(str(answer.url), answer.headers["location"])
    try:
        same = origin_of(target) == origin_of(request.url)
    except ValueError:
        same = False
    if same and request.method in ("GET", "HEAD") and hops < MOST_REDIRECTS:
        return target
    kind = ToolOutcomeUnknown if answer.status_code == 303 else ToolError  # "see other" follows an effect
    raise kind(
        f"{operation.tool}: the API sends it elsewhere (HTTP {answer.status_code}), where it does not go",
        code="tool.openapi.redirect",
        context={"tool": operation.tool, "status": answer.status_code},
    )


async def _answered(operation: Operation, answer: httpx.Response, most: int) -> Any:
    status = answer.status_code
    if answer.is_success:
        body = await read_bounded(answer, most)
        return _shaped(status, answer.headers.get("content-type", ""), body)
    text = (await _excerpt(answer)).strip()
    wait = answer.headers.get("retry-after", "")
    doubtful = status >= 500 and status not in AFTER_ALL and operation.effect is not Effect.READ
    kind = ToolOutcomeUnknown if doubtful else ToolError
    raise kind(
        f"{operation.tool}: the API answered HTTP {status}: {text or 'without a word'}",
        code="tool.openapi.status",
        retryable=status == 429 or status >= 500,
        context={
            "tool": operation.tool,
            "status": status,
            "said": text or "–",
            **({"retry_after": int(wait)} if wait.isascii() and wait.isdigit() else {}),
        },
    )


def _shaped(status: int, media: str, body: bytes) -> dict[str, Any]:
    kind = media.partition(";")[0].strip().lower()
    if not body:
        return {"status": status}
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"status": status, "body": json.loads(body)}
        except (ValueError, RecursionError):
            return {"status": status, "text": body.decode("utf-8", "replace")}
    if kind.startswith("text/") or not kind:
        return {"status": status, "text": body.decode("utf-8", "replace").replace("\0", "\ufffd")}
    return {"status": status, "text": f"[{kind[:100]} of {len(body)} bytes, not shown]"}


async def _excerpt(answer: httpx.Response) -> str:
    async for chunk in answer.aiter_bytes(LONGEST_REASON):
        return chunk[:LONGEST_REASON].decode("utf-8", "replace").replace("\0", "\ufffd")
    return ""


def _broken(operation: Operation, said: str) -> ToolOutcomeUnknown:
    return ToolOutcomeUnknown(
        f"{operation.tool}: the connection broke in the middle of the call ({said})",
        code="tool.openapi.broken",
        retryable=True,
        context={"tool": operation.tool, "said": said},
    )
