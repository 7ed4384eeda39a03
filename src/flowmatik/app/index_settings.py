"""The tables of indexes outside in flowmatik.toml: `[memory.milvus]` and the like.

What an index takes is known by its plugin alone, which refuses what it does not know. Here only its secrets
are read: `api_key_env = "MILVUS_KEY"` stands for what the variable MILVUS_KEY of the environment holds.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from flowmatik.app.setting_values import Fault
from flowmatik.kernel.plugins import Manifest

IndexTables = Mapping[str, Mapping[str, Any]]
LEGS = ("vectors", "text", "graph")
_SECRET = frozenset(("api_key", "password", "token", "secret"))
_ENV = "_env"


def no_tables() -> IndexTables:
    return MappingProxyType({})


def take_index_tables(
    document: dict[str, Any], environment: Mapping[str, str], origin: str, faults: list[Fault]
) -> IndexTables:
    """The tables below `memory`, which are taken out of the document. What is wrong with them goes to
    `faults`: an index that is not there, a secret in the file, a variable that is not set."""
    memory = document.get("memory")
    if not isinstance(memory, dict):
        return no_tables()
    within = cast("dict[str, Any]", memory)
    tables = {
        name: cast("dict[str, Any]", value) for name, value in within.items() if isinstance(value, dict)
    }
    known = frozenset[str]().union(*map(_ids, LEGS)) if tables else frozenset[str]()
    found: dict[str, Mapping[str, Any]] = {}
    for name, table in tables.items():
        del within[name]
        if name not in known:
            faults.append(_unknown(f"memory.{name}", name, known, origin))
            continue
        found[name] = _resolved(name, table, environment, (origin, faults))
    return found


def check_indexes(values: Mapping[str, Any], origin: str, faults: list[Fault]) -> None:
    """Whether what is chosen is there."""
    for leg in LEGS:
        chosen = str(values[f"memory.{leg}"])
        if chosen and chosen not in _ids(leg):
            faults.append(_unknown(f"memory.{leg}", chosen, _ids(leg), origin))


def index_manifests(leg: str) -> tuple[Manifest, ...]:
    """Of the indexes for that leg, but memory's own."""
    from flowmatik.memory.graph_indexes.choosing import DEFAULT as OWN_GRAPH
    from flowmatik.memory.graph_indexes.choosing import graph_index_registry
    from flowmatik.memory.text_index import DEFAULT, text_index_registry
    from flowmatik.memory.vector_indexes.choosing import vector_index_registry

    if leg == "vectors":
        return vector_index_registry().manifests()
    if leg == "graph":
        return tuple(one for one in graph_index_registry().manifests() if one.id != OWN_GRAPH)
    return tuple(one for one in text_index_registry().manifests() if one.id != DEFAULT)


def _ids(leg: str) -> frozenset[str]:
    return frozenset(one.id for one in index_manifests(leg))


def _resolved(
    name: str, table: Mapping[str, Any], environment: Mapping[str, str], told: tuple[str, list[Fault]]
) -> Mapping[str, Any]:
    origin, faults = told
    given: dict[str, Any] = {}
    for key, value in table.items():
        place = f"memory.{name}.{key}"
        if key in _SECRET:
            advice = "keys do not belong in a file that is shared; name a variable of the environment in"
            faults.append(
                Fault(
                    key=place,
                    shown="(hidden)",
                    origin=origin,
                    advice=f"{advice} {key}{_ENV}",
                    code="index_secret",
                    values={"key": f"{key}{_ENV}"},
                )
            )
        elif not key.endswith(_ENV):
            given[key] = value
        elif environment.get(str(value), ""):
            given[key.removesuffix(_ENV)] = environment[str(value)]
        else:
            faults.append(
                Fault(
                    key=place,
                    shown=repr(value),
                    origin=origin,
                    advice=f"the environment has no variable {str(value)!r}; set it",
                    code="index_variable",
                    values={"variable": str(value)},
                )
            )
    return given


def _unknown(place: str, given: str, known: frozenset[str], origin: str) -> Fault:
    names = ", ".join(sorted(known))
    return Fault(
        key=place,
        shown=repr(given),
        origin=origin,
        advice=f"no such index; there are: {names}",
        code="index_unknown",
        values={"known": names},
    )
