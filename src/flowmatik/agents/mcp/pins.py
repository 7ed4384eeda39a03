"""What a person approved of a server: the tools as they were described then.

A description is text that reaches a model, so a server that changes one after it was looked at could tell the
model anything (a "rug pull"). Models therefore see the approved text and never the server's: what is approved
is kept here whole, and a server whose tool is no longer the same is not called.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from flowmatik.agents.arguments import schema_fault
from flowmatik.agents.mcp.config import McpServer
from flowmatik.agents.tool_names import safe_name
from flowmatik.contracts.tools import Effect, ToolSpec
from flowmatik.kernel import canonical

MOST_DESCRIPTION = 8_000  # characters
MOST_SCHEMA = 100_000  # bytes
_HASHED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A tool as its server describes it now; `fault` says why it cannot be used, "" when it can."""

    name: str
    description: str
    schema: Mapping[str, Any]
    annotations: Mapping[str, Any]
    sha256: str
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A tool as it was approved. `tool` is its name here."""

    tool: str
    name: str
    description: str
    schema: dict[str, Any]
    annotations: dict[str, Any]
    sha256: str
    approved_at: str = ""


Pins = dict[str, dict[str, Pin]]
"""By server, then by the server's name of the tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`added`: nobody approved it yet; `changed`, with what; `gone`: approved, and no longer there;
    `unusable`: its schema or size does not serve."""

    kind: Literal["added", "changed", "gone", "unusable"]
    name: str
    before: Pin | None = None
    now: Listed | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """What changed, in words of the protocol."""
        if self.before is None or self.now is None:
            return ()
        pairs = (
            ("description", self.before.description, self.now.description),
            ("inputSchema", self.before.schema, self.now.schema),
            ("annotations", self.before.annotations, self.now.annotations),
        )
        return tuple(name for name, one, other in pairs if one != other) or ("title or outputSchema",)


def listed(raw: object) -> Listed:
    """What `tools/list` says of one tool; whatever is wrong with it is its `fault`."""
    given = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    name, schema = given.get("name"), given.get("inputSchema")
    said, hints = given.get("description", ""), given.get("annotations")
    hashed = {key: given[key] for key in _HASHED if key in given}
    try:
        text = canonical.dumps(hashed)
    except TypeError:
        text, schema = repr(sorted(hashed)), None
    fault = ""
    if not isinstance(name, str) or not name or len(name) > 200:
        fault = "it has no usable name"
    elif not isinstance(said, str) or len(said) > MOST_DESCRIPTION:
        fault = f"its description is no text of at most {MOST_DESCRIPTION} characters"
    elif len(text.encode()) > MOST_SCHEMA:
        fault = f"it is described in more than {MOST_SCHEMA} bytes"
    elif canonical.is_deeper(text):
        fault = "its schema is nested too deeply"
    elif told := schema_fault(schema):
        fault = f"its inputSchema cannot be used: {told}"
    return Listed(
        name=name[:200] if isinstance(name, str) else "",
        description=said if isinstance(said, str) else "",
        schema=cast("dict[str, Any]", schema) if isinstance(schema, dict) else {},
        annotations=cast("dict[str, Any]", hints) if isinstance(hints, dict) else {},
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        fault=fault,
    )


def differences(pins: Mapping[str, Pin], now: Sequence[Listed], only: Sequence[str] = ()) -> list[Difference]:
    """Between what was approved and what the server says, by name. `only`: tools that matter, all when
    empty."""
    found: list[Difference] = []
    there = {one.name: one for one in now if not only or one.name in only}
    for name in sorted({*pins, *there}):
        before, after = pins.get(name), there.get(name)
        if after is None:
            found.append(Difference(kind="gone", name=name, before=before))
        elif after.fault:
            found.append(Difference(kind="unusable", name=name, before=before, now=after))
        elif before is None:
            found.append(Difference(kind="added", name=name, now=after))
        elif before.sha256 != after.sha256:
            found.append(Difference(kind="changed", name=name, before=before, now=after))
    return found


def pinned(server: str, one: Listed, taken: Mapping[str, Pin], *, at: str) -> Pin:
    """`one`, approved. Its name here is of small letters, digits and underscores, and no other's."""
    known = taken.get(one.name)
    others = {pin.tool for name, pin in taken.items() if name != one.name}
    return Pin(
        tool=known.tool if known and known.tool not in others else safe_name(f"{server}_{one.name}", others),
        name=one.name,
        description=one.description,
        schema=dict(one.schema),
        annotations=dict(one.annotations),
        sha256=one.sha256,
        approved_at=at,
    )


def effect_of(server: McpServer, pin: Pin) -> Effect:
    """What the operator says; the server's own hints only where they are trusted; else `once`. Hints are
    those of the protocol (ToolAnnotations), as they were approved."""
    hinted = Effect.ONCE
    if server.trust_annotations:
        if pin.annotations.get("readOnlyHint") is True:
            hinted = Effect.READ
        elif pin.annotations.get("idempotentHint") is True:
            hinted = Effect.IDEMPOTENT
    return server.effect_of(pin.name, hinted)


def spec_of(name: str, server: McpServer, pin: Pin) -> ToolSpec:
    """The tool as it is offered here."""
    bare = ToolSpec(
        name=pin.tool,
        description=pin.description,
        parameters=pin.schema,
        effect=effect_of(server, pin),
        workspaces=tuple(server.workspaces),
    )
    return server.spec(pin.name, bare, source=f"mcp:{name}")


def dump_pins(pins: Pins) -> str:
    rows = {
        server: {
            name: {
                "tool": pin.tool,
                "description": pin.description,
                "schema": pin.schema,
                "annotations": pin.annotations,
                "sha256": pin.sha256,
                "approved_at": pin.approved_at,
            }
            for name, pin in sorted(tools.items())
        }
        for server, tools in sorted(pins.items())
    }
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def load_pins(text: str) -> Pins:
    """Raises ValueError for what `dump_pins` did not write."""
    try:
        rows = cast("dict[str, dict[str, dict[str, Any]]]", json.loads(text))
        return {
            server: {name: Pin(name=name, **row) for name, row in tools.items()}
            for server, tools in rows.items()
        }
    except (AttributeError, TypeError, RecursionError) as error:
        raise ValueError("it is no list of approved tools") from error
