"""Collections, their tenants, and the objects of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

Record = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True, kw_only=True)
class Collection:
    """`tenants` has the objects by their id, under "" where there are no tenants."""

    config: Record
    tenants: dict[str, dict[str, Record]] = field(default_factory=lambda: {})

    @property
    def name(self) -> str:
        return str(self.config["class"])

    @property
    def tenanted(self) -> bool:
        return bool(self.config.get("multiTenancyConfig", {"enabled": False})["enabled"])

    @property
    def kinds(self) -> dict[str, str]:
        return {one["name"]: one["dataType"][0] for one in self.config["properties"]}

    def objects(self, tenant: str) -> dict[str, Record]:
        if not self.tenanted:
            if tenant:
                raise Refused(
                    422, f"class {self.name} has multi-tenancy disabled, but request was with tenant"
                )
            return self.tenants.setdefault("", {})
        if not tenant:
            raise Refused(422, f"class {self.name} has multi-tenancy enabled, but request was without tenant")
        if tenant not in self.tenants:
            raise Refused(422, f'tenant not found: "{tenant}"')
        return self.tenants[tenant]

    def put(self, one: Record) -> None:
        objects = self.objects(one.get("tenant", ""))
        for name, value in one["properties"].items():
            _check(name, self.kinds.get(name), value)
        vector = one.get("vector")
        held = next((other["vector"] for other in objects.values() if other.get("vector")), None)
        if vector and held and len(held) != len(vector):
            raise Refused(
                422,
                f"new node has a vector with length {len(vector)}. Existing nodes have vectors with length"
                f" {len(held)}",
            )
        objects[one["id"]] = one

    def filterable(self, name: str) -> bool:
        return name == "id" or any(
            one["name"] == name and one.get("indexFilterable", True) for one in self.config["properties"]
        )


def _check(name: str, kind: str | None, value: Any) -> None:
    fits: dict[str, Callable[[Any], bool]] = {
        "text": lambda one: isinstance(one, str),
        "int": lambda one: isinstance(one, int) and not isinstance(one, bool),
        "number": lambda one: isinstance(one, (int, float)) and not isinstance(one, bool),
        "text[]": lambda one: isinstance(one, list),
    }
    if kind is None:
        raise Refused(422, f"invalid object: no such prop with name '{name}' found in the schema")
    if not fits[kind](value):
        raise Refused(422, f"invalid object: invalid {kind} property '{name}'")


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "Equal": lambda have, want: want in have if isinstance(have, list) else have == want,
    "ContainsAny": lambda have, want: any(one in want for one in _several(have)),
    "GreaterThanEqual": lambda have, want: have >= want,
    "LessThanEqual": lambda have, want: have <= want,
}
_VALUES = ("valueText", "valueInt", "valueNumber", "valueTextArray")
_INT = 2**31  # GraphQL's whole numbers have 32 bits (spec.graphql.org, 3.5.1)


def fulfils(collection: Collection, one: Record, where: Record) -> bool:
    operator = where.get("operator")
    if operator == "And":
        if not where.get("operands"):
            raise Refused(422, "invalid where filter: got operator 'And', but no operands set")
        return all(fulfils(collection, one, part) for part in where["operands"])
    if operator not in _COMPARED:
        raise Refused(422, f"invalid where filter: unrecognized operator: {operator}")
    (name,) = where["path"]
    if not collection.filterable(name):
        raise Refused(422, f"Searching by property '{name}' requires inverted index")
    given = [key for key in where if key in _VALUES]
    if len(given) != 1:
        raise Refused(422, f"invalid where filter: got operator '{operator}', but no value<Type> field set")
    if given[0] == "valueInt" and not -_INT <= where["valueInt"] < _INT:
        raise Refused(422, f'Argument "where" has invalid value {where["valueInt"]}: expected type "Int"')
    have = one["id"] if name == "id" else one["properties"].get(name)
    return have is not None and _COMPARED[operator](have, where[given[0]])


def _several(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def distance(question: list[float], vector: list[float]) -> float:
    if len(question) != len(vector):
        raise Refused(422, f"vector lengths don't match: {len(question)} vs {len(vector)}")
    return -float(np.float32(np.asarray(question) @ np.asarray(vector)))
