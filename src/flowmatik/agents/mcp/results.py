"""What a tool of a server answered, as our tools answer: JSON, bounded, with nothing that cannot be read."""

from typing import Any, cast

from flowmatik.agents.mcp.wire import Message, malformed
from flowmatik.agents.outbound import too_large
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ToolError

LONGEST_REASON = 2_000  # characters of what a tool says when it fails


def result_of(server: str, tool: str, said: Message, most: int) -> Any:
    """`{"text": …}`, and beside it `structured` and `links` where there are any. Pictures and sounds are told
    by their kind and size, not carried. Raises ToolError (`tool.mcp.failed`) where the tool says that it
    failed, ToolOutcomeUnknown for an answer that cannot be used."""
    content = said.get("content", [])
    if not isinstance(content, list):
        raise malformed(server, "its content is no list")
    texts: list[str] = []
    links: list[dict[str, str]] = []
    for part in cast("list[object]", content):
        if not isinstance(part, dict):
            raise malformed(server, "a part of its content is no object")
        _take(cast("Message", part), texts, links)
    text = "\n".join(texts)
    if said.get("isError") is True:
        reason = text[:LONGEST_REASON] or "it does not say why"
        raise ToolError(
            f"the tool {tool!r} of the MCP server {server!r} failed: {reason}",
            code="tool.mcp.failed",
            context={"tool": tool, "server": server, "said": reason},
        )
    result: dict[str, Any] = {"text": text} if text or not said.get("structuredContent") else {}
    if (structured := said.get("structuredContent")) is not None:
        if not isinstance(structured, dict):
            raise malformed(server, "its structuredContent is no object")
        result["structured"] = structured
    if links:
        result["links"] = links
    try:
        size = len(canonical.dumps(result).encode())
    except (TypeError, UnicodeEncodeError) as error:
        raise malformed(server, "it is no JSON that can be kept") from error
    if size > most:
        raise too_large(server, most)
    return result


def _take(part: Message, texts: list[str], links: list[dict[str, str]]) -> None:
    kind = part.get("type")
    if kind == "text" and isinstance(part.get("text"), str):
        texts.append(part["text"])
    elif kind == "resource_link":
        links.append(_link(part))
    elif kind == "resource" and isinstance(part.get("resource"), dict):
        resource = cast("Message", part["resource"])
        links.append(_link(resource))
        if isinstance(resource.get("text"), str):
            texts.append(resource["text"])
    else:
        data, media = part.get("data"), str(part.get("mimeType", ""))[:100]
        size = len(data) * 3 // 4 if isinstance(data, str) else 0
        texts.append(f"[{str(kind)[:40]} {media} of {size} bytes, not shown]")


def _link(given: Message) -> dict[str, str]:
    names = ("uri", "name", "title", "description", "mimeType")
    return {name: given[name] for name in names if isinstance(given.get(name), str)}
