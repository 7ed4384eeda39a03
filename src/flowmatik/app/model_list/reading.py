"""Reads a model list. Every fault is told at once, as `file:line:column: field: what to do`."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import (
    BreakerRules,
    Deployment,
    Fallbacks,
    Limits,
    RouteTable,
)
from flowmatik.kernel.errors import ConfigurationError, ProfileInvalid

if TYPE_CHECKING:
    from flowmatik.app.model_list.checks import Told
    from flowmatik.app.model_list.form import Entry, ModelList, Prices

COMPATIBLE = "openai_compatible"
SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a list is read for: the providers that are configured, the plugins that there are, what a
    reference to a key stands for, and how long a call may take, in seconds."""

    providers: Mapping[str, ProviderSettings]
    plugins: Collection[str]
    value_of: Callable[[str], str]
    seconds: float = SECONDS


def read_model_list(path: Path, there: Surroundings) -> RouteTable | None:
    """None when there is no such file. Blocking. Raises ConfigurationError (`config.models`) with every
    fault, keys that are not where the list says among them."""
    from flowmatik.agents.strict_yaml import read_strictly
    from flowmatik.app.model_list.checks import list_faults
    from flowmatik.app.model_list.form import ModelList

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        given, node = read_strictly(text, path.name, ModelList)
    except ProfileInvalid as error:
        raise _refused(path, cast("Sequence[dict[str, Any]]", error.context["details"])) from error
    found = list(list_faults(given, ("local", *there.providers), there.plugins))
    found += _missing_keys(given, there)
    if found:
        from flowmatik.agents.profiles.faults import fault_at

        rows: list[dict[str, Any]] = []
        for at, told, code, values in found:
            fault = asdict(fault_at(path.name, node, at, (told, code, values)))
            rows.append({**fault, "code": code})
        raise _refused(path, rows)
    return _table(given, there)


def _missing_keys(given: "ModelList", there: Surroundings) -> "Iterator[Told]":
    from flowmatik.app.model_list.checks import REFERENCES

    for n, entry in enumerate(given.model_list):
        if entry.api_key is not None and entry.api_key.startswith(REFERENCES):
            try:
                there.value_of(entry.api_key)
            except ConfigurationError as error:
                yield (
                    ["model_list", n, "api_key"],
                    error.message,
                    "models.reference",
                    {"reference": entry.api_key},
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Names (aliases too) and tags of a list."""

    names: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


def listed_in(path: Path) -> Listed:
    """None of either when the list is not there or cannot be read, which others tell. Blocking."""
    if not path.is_file():
        return Listed()
    import yaml

    try:
        loaded = cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8-sig")))
        entries = cast("list[dict[str, Any]]", loaded.get("model_list") or [])
        aliases = cast("dict[object, object]", loaded.get("aliases") or {})
        return Listed(
            names=frozenset(map(str, [*(entry["model_name"] for entry in entries), *aliases])),
            tags=frozenset(str(tag) for entry in entries for tag in entry.get("tags") or ()),
        )
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return Listed()


def _table(given: "ModelList", there: Surroundings) -> RouteTable:
    from flowmatik.app.model_list.checks import resolved

    def names(several: list[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(resolved(one, given.aliases) for one in several))

    return RouteTable(
        deployments=_deployments(given, there),
        aliases={alias: resolved(alias, given.aliases) for alias in given.aliases},
        fallbacks={
            name: Fallbacks(
                unavailable=names(rule.unavailable),
                context=names(rule.context),
                content=names(rule.content),
                paid_attempts=rule.paid_attempts,
            )
            for name, rule in given.fallbacks.items()
        },
        default=given.default or "",
        paid_attempts=given.paid_attempts,
        rounds=given.rounds,
        seconds=there.seconds,
        breaker=BreakerRules(**given.breaker.model_dump()),
    )


def _deployments(given: "ModelList", there: Surroundings) -> tuple[Deployment, ...]:
    found: list[Deployment] = []
    taken: set[str] = {entry.id for entry in given.model_list if entry.id}
    for entry in given.model_list:
        plain = f"{entry.model_name}:{entry.model}"
        more = (f"{plain}#{n}" for n in range(2, len(given.model_list) + 2))
        own = entry.id or (plain if plain not in taken else next(one for one in more if one not in taken))
        taken.add(own)
        found.append(
            Deployment(
                id=own,
                name=entry.model_name,
                model=entry.model,
                settings=_settings(entry, there),
                weight=entry.weight,
                tags=frozenset(entry.tags),
                limits=Limits(
                    max_parallel=entry.max_parallel,
                    requests_per_minute=entry.requests_per_minute,
                    tokens_per_minute=entry.tokens_per_minute,
                ),
                context_tokens=entry.context_tokens,
                context_policy=entry.context_policy or "",
                summariser=entry.summariser or "",
                cache_seconds=entry.cache_seconds,
                max_output_tokens=entry.max_output_tokens,
                timeout=entry.timeout,
                vision=entry.vision,
            )
        )
    return tuple(found)


def _settings(entry: "Entry", there: Surroundings) -> ProviderSettings | None:
    """None where the entry says nothing of how it is reached."""
    provider, _, name = entry.model.partition("/")
    known = there.providers.get(provider)
    if entry.base_url is None:
        if entry.api_key is None and entry.prices is None and entry.json_schema:
            return None
        usual = known or ProviderSettings(timeout=there.seconds)
        key = {} if entry.api_key is None else {"api_key": there.value_of(entry.api_key)}
        return replace(usual, json_schema=entry.json_schema, **key, **_prices(entry.prices, name, usual))
    plugin = known.plugin if known is not None else ""
    return ProviderSettings(
        base_url=entry.base_url,
        # A key of the settings is never sent to another address than theirs.
        api_key=there.value_of(entry.api_key) if entry.api_key else "",
        plugin=plugin or ("" if provider in there.plugins else COMPATIBLE),
        json_schema=entry.json_schema,
        timeout=there.seconds,
        **_prices(entry.prices, name, ProviderSettings()),
    )


def _prices(prices: "Prices | None", name: str, usual: ProviderSettings) -> dict[str, Any]:
    """Those of the provider, and the entry's own before them."""
    if prices is None:
        return {"prices": usual.prices, "cached_prices": usual.cached_prices}
    cached = {one: both for one, both in usual.cached_prices.items() if one != name}
    if not (prices.cached_input is None and prices.cache_write is None):
        cached[name] = (prices.cached_input, prices.cache_write)
    return {"prices": {**usual.prices, name: (prices.input, prices.output)}, "cached_prices": cached}


def _unreadable(path: Path, said: str) -> ConfigurationError:
    row = {"place": f"{path.name}:1:1", "text": f"cannot be read: {said}", "code": "field.other"}
    return _refused(path, [{**row, "values": {"said": said}}])


def _refused(path: Path, rows: Sequence[dict[str, Any]]) -> ConfigurationError:
    told = [
        {**row, "code": "models.no_mapping", "text": "such a file is a table with model_list"}
        if row["code"] == "strict.no_mapping"
        else row
        for row in rows
    ]
    lines = "\n".join(f"{row['place']}: {row['text']}" for row in told)
    return ConfigurationError(
        f"{str(path)!r} cannot be used:\n{lines}",
        code="config.models",
        context={"file": str(path), "details": told},
    )
