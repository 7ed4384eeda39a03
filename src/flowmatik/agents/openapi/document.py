"""An OpenAPI document (3.0 and 3.1), JSON or YAML: read, and its references followed within bounds."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import yaml

from flowmatik.kernel.errors import InvalidInput

MOST_BYTES = 10_000_000
DEEPEST = 40
MOST_NODES = 20_000  # of one operation's schema, its references followed
_DROPPED = frozenset(
    {"example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "nullable"}
)
Node = Mapping[str, Any]


class PlaceError(Exception):
    """Something at a place of the document cannot be used; made into a fault where it is caught."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(f"{place}: {said}")
        self.place = place
        self.said = said


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`version` is "3.0" or "3.1"."""

    root: Node
    version: str

    @property
    def title(self) -> str:
        info = self.root.get("info")
        return str(cast("Node", info).get("title", ""))[:200] if isinstance(info, dict) else ""

    @property
    def base_url(self) -> str:
        """Of its first server, "" when it names none that can be used without a choice."""
        servers = self.root.get("servers")
        first = cast("list[object]", servers)[0] if isinstance(servers, list) and servers else None
        url = cast("Node", first).get("url") if isinstance(first, dict) else None
        usable = isinstance(url, str) and url.startswith(("http://", "https://")) and "{" not in url
        return str(url) if usable else ""

    def followed(self, value: object, place: str) -> tuple[Node, str]:
        """The object that `value` is, or refers to. Raises PlaceError."""
        seen: list[str] = []
        while isinstance(value, dict) and "$ref" in value:
            reference = cast("Node", value)["$ref"]
            if reference in seen:
                raise PlaceError(place, f"the reference {reference!r} leads to itself")
            seen.append(str(reference))
            value, place = self._at(reference, place), str(reference)
        if not isinstance(value, dict):
            raise PlaceError(place, "it is no object")
        return cast("Node", value), place

    def _at(self, reference: object, place: str) -> object:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise PlaceError(place, f"the reference {str(reference)[:100]!r} leads out of the document")
        value: object = self.root
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if not isinstance(value, dict) or key not in value:
                raise PlaceError(place, f"the reference {reference!r} leads nowhere")
            value = cast("Node", value)[key]
        return value

    def schema(self, value: object, place: str) -> dict[str, Any]:
        """The JSON Schema (2020-12) at `place` with everything that it refers to, for requests. A schema
        within itself takes anything at the second time. Raises PlaceError."""
        return _Inlined(document=self).of(value, place, ())


@dataclass(slots=True, kw_only=True)
class _Inlined:
    document: Document
    nodes: int = 0

    def of(self, value: object, place: str, stack: tuple[str, ...]) -> dict[str, Any]:
        self.nodes += 1
        if self.nodes > MOST_NODES or len(stack) + place.count("/") > 10 * DEEPEST:
            raise PlaceError(place, f"with its references it has more than {MOST_NODES} parts")
        if isinstance(value, bool):  # JSON Schema's shortest forms
            return {} if value else {"not": {}}
        if not isinstance(value, dict):
            raise PlaceError(place, "a schema is an object")
        given = cast("Node", value)
        if "$ref" not in given:
            return self._schema(given, place, stack)
        target, at = self.document.followed(given, place)
        if at in stack or len(stack) >= DEEPEST:
            name = at.rpartition("/")[2]
            return {"description": f"{name} within itself; anything is taken here"}
        found = self._schema(target, at, (*stack, at))
        return {**found, **({"description": given["description"]} if "description" in given else {})}

    def _schema(self, given: Node, place: str, stack: tuple[str, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in given.items():
            at = f"{place}/{key}"
            if key in _DROPPED or key.startswith("x-"):
                continue
            if key in ("properties", "patternProperties", "$defs", "dependentSchemas"):
                rows = self._rows(value, at)
                made[key] = {name: self.of(one, f"{at}/{name}", stack) for name, one in rows.items()}
            elif key in ("allOf", "anyOf", "oneOf", "prefixItems"):
                if not isinstance(value, list):
                    raise PlaceError(at, "it is no list")
                items = enumerate(cast("list[object]", value))
                made[key] = [self.of(one, f"{at}/{n}", stack) for n, one in items]
            elif key in ("items", "not", "additionalProperties", "contains", "if", "then", "else"):
                made[key] = self.of(value, at, stack)
            else:
                made[key] = value
        return _later(_writable(made, given), given)

    def _rows(self, value: object, place: str) -> Node:
        if not isinstance(value, dict):
            raise PlaceError(place, "it is no object")
        return cast("Node", value)


def _writable(made: dict[str, Any], given: Node) -> dict[str, Any]:
    """Without what only the server may set."""
    properties = given.get("properties")
    if not isinstance(properties, dict):
        return made
    own = {
        name
        for name, one in cast("dict[str, object]", properties).items()
        if isinstance(one, dict) and cast("Node", one).get("readOnly") is True
    }
    made["properties"] = {name: one for name, one in made["properties"].items() if name not in own}
    if isinstance(made.get("required"), list):
        made["required"] = [name for name in made["required"] if name not in own]
    return made


def _later(made: dict[str, Any], given: Node) -> dict[str, Any]:
    """What OpenAPI 3.0 said in its own way, as JSON Schema says it."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    if given.get("nullable") is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    return made


def read_document(text: str, name: str) -> Document:
    """Raises InvalidInput (`input.openapi`) that says where."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise document_fault(name, "", f"it is larger than {MOST_BYTES:,} bytes")
    try:
        loaded: object = json.loads(text) if text.lstrip()[:1] == "{" else _yaml(text)
    except json.JSONDecodeError as error:
        raise document_fault(name, f"{error.lineno}:{error.colno}", f"not JSON: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise document_fault(name, at, f"not YAML: {error.problem}") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise document_fault(name, "", f"not JSON or YAML: {type(error).__name__}") from error
    if not isinstance(loaded, dict):
        raise document_fault(name, "", "it is no OpenAPI document: no object")
    root = cast("dict[str, Any]", loaded)
    version = str(root.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        told = f"openapi: {version[:20]!r}; versions 3.0 and 3.1 are read"
        raise document_fault(name, "#/openapi", told)
    if not isinstance(root.get("paths"), dict):
        raise document_fault(name, "#/paths", "it has no paths")
    return Document(root=root, version=version[:3])


class _NoAliases(yaml.SafeLoader):
    """A small file must not unfold into a huge one, and dates stay text, as in JSON."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        reader = cast("Any", self)
        if reader.check_event(yaml.AliasEvent):
            mark = reader.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="a reference (*name)", problem_mark=mark)
        return cast("Any", super()).compose_node(parent, index)


def _yaml(text: str) -> object:
    loader = _NoAliases(text)
    known = cast("Any", loader).yaml_implicit_resolvers
    kept = {k: [pair for pair in v if not pair[0].endswith(":timestamp")] for k, v in known.items()}
    cast("Any", loader).yaml_implicit_resolvers = kept
    try:
        return cast("Any", loader).get_single_data()
    finally:
        cast("Any", loader).dispose()


def document_fault(name: str, place: str, said: str) -> InvalidInput:
    where = f"{name}:{place}" if place else name
    return InvalidInput(
        f"{where}: {said}", code="input.openapi", context={"place": where, "said": said, "file": name}
    )


def methods_of(path: Node) -> Iterator[tuple[str, object]]:
    return ((name, path[name]) for name in ("get", "head", "put", "post", "patch", "delete") if name in path)
