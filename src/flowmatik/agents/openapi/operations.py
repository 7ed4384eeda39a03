"""The operations of a document as tools: one schema for everything that is sent, and how it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from flowmatik.agents.arguments import schema_fault
from flowmatik.agents.openapi.document import Document, Node, PlaceError, methods_of
from flowmatik.agents.tool_names import safe_name
from flowmatik.agents.tool_terms import SourceTerms
from flowmatik.contracts.tools import Effect

METHOD_EFFECTS = {
    "get": Effect.READ,
    "head": Effect.READ,
    "put": Effect.IDEMPOTENT,
    "delete": Effect.IDEMPOTENT,
}
IDEMPOTENCY = "idempotency-key"
NOT_OURS = frozenset({"accept", "content-type", "authorization"})  # OpenAPI 3.1, section 4.8.12.2.1
LONGEST_TEXT = 2_000
Place = Literal["path", "query", "header"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """`argument` is its name among the arguments of the tool, `name` its name on the wire."""

    argument: str
    name: str
    place: Place
    explode: bool
    deep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`body` is the argument that becomes the JSON body, "" without one; `keyed`: the API knows an
    Idempotency-Key."""

    tool: str
    id: str
    method: str
    path: str
    description: str
    schema: dict[str, Any]
    parameters: tuple[Parameter, ...]
    effect: Effect
    body: str = ""
    media: str = "application/json"
    keyed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFault:
    """Why an operation is no tool: where in the document, as a JSON pointer, and what is wrong."""

    place: str
    said: str

    def line(self) -> str:
        return f"{self.place}: {self.said}"


def operations_of(
    document: Document, api: str, terms: SourceTerms | None = None
) -> tuple[list[Operation], list[OperationFault]]:
    """Those that can be tools, in the order of the document, and what is wrong with the others. `terms`: what
    the operator says of their effects."""
    found: list[Operation] = []
    faults: list[OperationFault] = []
    taken: set[str] = set()
    paths = cast("Mapping[str, object]", document.root["paths"])
    for path, raw in paths.items():
        place = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}"
        try:
            if not path.startswith("/"):  # behind a host it would be another host
                raise PlaceError(place, "a path begins with a slash")
            item, at = document.followed(raw, place)
        except PlaceError as error:
            faults.append(OperationFault(place=error.place, said=error.said))
            continue
        for method, one in methods_of(item):
            try:
                made = _operation(document, _Where(path, method, f"{at}/{method}"), item, one)
            except PlaceError as error:
                faults.append(OperationFault(place=error.place, said=error.said))
                continue
            tool = safe_name(f"{api}_{made.id}", taken)
            taken.add(tool)
            effect = made.effect if terms is None else terms.effect_of(made.id, made.effect)
            found.append(replace(made, tool=tool, effect=effect))
    return found, faults


@dataclass(frozen=True, slots=True)
class _Where:
    path: str
    method: str
    place: str


def _operation(document: Document, where: _Where, item: Node, raw: object) -> Operation:
    given, place = document.followed(raw, where.place)
    properties: dict[str, Any] = {}
    required: list[str] = []
    parameters: list[Parameter] = []
    keyed = False
    for one, at in _parameters(document, item, given, place):
        name, inside = str(one.get("name", "")), one.get("in")
        if inside == "header" and name.lower() == IDEMPOTENCY:
            keyed = True
            continue
        if inside == "header" and name.lower() in NOT_OURS:
            continue
        if inside not in ("path", "query", "header") or not name:
            if one.get("required") is True or not name:
                raise PlaceError(at, f"a required parameter in {str(inside)[:20]!r} cannot be sent")
            continue
        argument = name if name not in properties else f"{name}_{inside}"
        properties[argument] = _described(document, one, at)
        if one.get("required") is True or inside == "path":
            required.append(argument)
        style = one.get("style", "form" if inside == "query" else "simple")
        parameters.append(
            Parameter(
                argument=argument,
                name=name,
                place=inside,
                explode=one.get("explode", style == "form") is True,
                deep=style == "deepObject",
            )
        )
    body, media = _body(document, given, place, properties, required)
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    schema |= {"required": required} if required else {}
    if said := schema_fault(schema):
        raise PlaceError(place, f"its schema cannot be used: {said}")
    words = [str(given.get(key, "")).strip() for key in ("summary", "description")]
    text = "\n".join(word for word in words if word) or f"{where.method.upper()} {where.path}"
    return Operation(
        tool="",
        id=str(given.get("operationId") or f"{where.method}_{where.path}")[:200],
        method=where.method,
        path=where.path,
        description=text[:LONGEST_TEXT],
        schema=schema,
        parameters=tuple(parameters),
        effect=_effect(given, where, place),
        body=body,
        media=media,
        keyed=keyed,
    )


def _parameters(document: Document, item: Node, given: Node, place: str) -> list[tuple[Node, str]]:
    """Those of the path, replaced by those of the operation of the same name and place."""
    found: dict[tuple[str, str], tuple[Node, str]] = {}
    for owner, at in ((item, place.rpartition("/")[0]), (given, place)):
        rows = owner.get("parameters", [])
        if not isinstance(rows, list):
            raise PlaceError(f"{at}/parameters", "it is no list")
        for n, raw in enumerate(cast("list[object]", rows)):
            one, found_at = document.followed(raw, f"{at}/parameters/{n}")
            found[str(one.get("in")), str(one.get("name"))] = one, found_at
    return list(found.values())


def _described(document: Document, one: Node, place: str) -> dict[str, Any]:
    schema = document.schema(one.get("schema", {}), f"{place}/schema")
    if isinstance(one.get("description"), str):
        schema = {**schema, "description": one["description"][:LONGEST_TEXT]}
    return schema


def _body(
    document: Document, given: Node, place: str, properties: dict[str, Any], required: list[str]
) -> tuple[str, str]:
    if "requestBody" not in given:
        return "", "application/json"
    body, at = document.followed(given["requestBody"], f"{place}/requestBody")
    content = body.get("content")
    kinds = cast("Mapping[str, object]", content if isinstance(content, dict) else {})
    media = next((name for name in kinds if _is_json(name)), "")
    if not media:
        if body.get("required") is True:
            raise PlaceError(f"{at}/content", "only JSON bodies can be sent")
        return "", "application/json"
    form, form_at = document.followed(kinds[media], f"{at}/content/{media}")
    argument = "body" if "body" not in properties else "request_body"
    properties[argument] = document.schema(form.get("schema", {}), f"{form_at}/schema")
    if body.get("required") is True:
        required.append(argument)
    return argument, media.partition(";")[0].strip()


def _is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _effect(given: Node, where: _Where, place: str) -> Effect:
    said = given.get("x-flowmatik-effect")
    if said is None:
        return METHOD_EFFECTS.get(where.method, Effect.ONCE)
    try:
        return Effect(str(said))
    except ValueError as error:
        known = ", ".join(Effect)
        raise PlaceError(f"{place}/x-flowmatik-effect", f"{said!r} is not one of {known}") from error
