"""Settings that only mean something together: providers, the default model, the embedding endpoint.

Of a group whose parts are at fault already nothing more is said: it would be a fault of that fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowmatik.app.provider_settings import CONFIGURABLE, PROVIDERS, ProviderParts
from flowmatik.app.setting_values import SETTINGS, Fault
from flowmatik.contracts.budgets import DisplayCurrency

OFFLINE_MODEL = "local/extractive"
CUSTOM = "custom"
MEANT = ("openai", "ai302")  # prefixes that no model of one's own server is taken to have
CURRENCY = ("currency", "rate", "rate_date")
EMBEDDINGS = ("base_url", "model", "dimensions", "api_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A configured model provider; `repr` never shows a key. What only some have is "" for the others."""

    id: str  # one of provider_settings, or custom
    base_url: str
    api_key: str = field(repr=False)
    api: str = ""
    api_version: str = ""
    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may never be shown."""
        found = (self.api_key, self.access_key, self.secret_key, self.session_token)
        return tuple(one for one in found if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingEndpoint:
    """Where passages are embedded instead of here; `repr` never shows the key."""

    base_url: str
    model: str
    dimensions: int
    api_key: str = field(default="", repr=False)


def providers_of(values: Mapping[str, Any], faults: list[Fault]) -> tuple[Provider, ...]:
    found = [one for parts in PROVIDERS if (one := _provider(parts, values, faults)) is not None]
    base_url, key = values["providers.custom.base_url"], values["providers.custom.api_key"]
    if base_url:
        found.append(Provider(id=CUSTOM, base_url=base_url, api_key=key))
    elif key and not _at_fault("providers.custom.", faults):
        faults.append(
            Fault(
                key="providers.custom.base_url",
                shown="''",
                origin="default",
                advice="FLOWMATIK_MODEL_API_KEY is set but not where to use it; set FLOWMATIK_MODEL_BASE_URL",
                code="no_address",
            )
        )
    return tuple(found)


def _provider(wanted: ProviderParts, values: Mapping[str, Any], faults: list[Fault]) -> Provider | None:
    """None for one that nobody set up, or not wholly: then the missing parts are faults."""
    prefix = f"providers.{wanted.id}."
    given = {part.name: str(values[prefix + part.name]) for part in wanted.parts}
    said = [part for part in wanted.parts if given[part.name] and not part.default]
    if not said or _at_fault(prefix, faults):
        return None
    needed = list(wanted.needs)
    if any(given[name] for name in wanted.together):
        needed += wanted.together
    missing = [part for part in wanted.parts if part.name in needed and not given[part.name]]
    for part in missing:
        told = {"provider": wanted.id, "given": said[0].variable, "variable": part.variable}
        faults.append(
            Fault(
                key=prefix + part.name,
                shown="",
                origin="default",
                advice=f"{said[0].variable} is set, and the provider {wanted.id} needs this too; set "
                f"{part.variable}",
                code="provider_part",
                values=told,
            )
        )
    return None if missing else Provider(id=wanted.id, **{"base_url": "", "api_key": "", **given})


def model_of(given: str, providers: tuple[Provider, ...], faults: list[Fault]) -> str:
    """The default model as `<provider>/<name>`, "" when nobody named one."""
    ids = [provider.id for provider in providers]
    prefix, _, name = given.partition("/")
    if given == OFFLINE_MODEL or (prefix in ids and name):
        return given
    if not given and ids[:1] != [CUSTOM]:
        return ""
    known = prefix in ("local", CUSTOM, *MEANT) or (prefix in CONFIGURABLE and CUSTOM not in ids)
    if given and CUSTOM in ids and not known:  # such servers name models as they like
        return f"{CUSTOM}/{given}"
    if not _at_fault("providers.custom." if not known else f"providers.{prefix}.", faults):
        advice, code, values = _wrong_model(given, ids)
        faults.append(
            Fault(
                key="model.default",
                shown=repr(given),
                origin="settings",
                advice=advice,
                code=code,
                values=values,
            )
        )
    return given


def _wrong_model(given: str, ids: list[str]) -> tuple[str, str, dict[str, object]]:
    """What to do, its code, and what it names."""
    prefix, known = given.partition("/")[0], ", ".join(["local", *ids])
    if not given:
        return "which model of FLOWMATIK_MODEL_BASE_URL? Set FLOWMATIK_MODEL to its name", "no_model", {}
    if prefix in ids:
        return f"which model of {prefix}? Write {prefix}/NAME", "no_name", {"provider": prefix}
    if prefix == "local":
        advice, code = f"there is no such model; the offline model is called {OFFLINE_MODEL}", "offline_model"
        if CUSTOM in ids:
            advice, code = f"{advice}, and one of your own server custom/{given}", "offline_or_custom"
        return advice, code, {"offline": OFFLINE_MODEL, "given": given}
    if CUSTOM in ids:
        variable = _variable(f"providers.{prefix}.api_key")
        advice = (
            f"{prefix} is not configured; set {variable}, or write custom/{given} if your own server is meant"
        )
        return advice, "other_provider", {"provider": prefix, "variable": variable, "given": given}
    advice = f"no such provider is configured (there is {known}); set its key"
    return advice, "no_provider", {"known": known}


def check_redis(values: Mapping[str, Any], faults: list[Fault]) -> None:
    """What is true is in the database, and several processes can only share PostgreSQL."""
    if values["redis.url"] and not values["store.database_url"] and not _at_fault("store.", faults):
        faults.append(
            Fault(
                key="redis.url",
                shown="(hidden)",
                origin="settings",
                advice="Redis spreads the word between processes, which SQLite does not have; set "
                "FLOWMATIK_DATABASE_URL to a PostgreSQL, or leave Redis out",
                code="redis_store",
            )
        )


def embedding_endpoint_of(values: Mapping[str, Any], faults: list[Fault]) -> EmbeddingEndpoint | None:
    """None when nobody set one: passages are embedded here."""
    part = {name: values[f"embeddings.{name}"] for name in EMBEDDINGS}
    given = [name for name in EMBEDDINGS if part[name]]
    if not given or any(_at_fault(f"embeddings.{name}", faults) for name in EMBEDDINGS):
        return None
    if file := values["embeddings.file"]:
        faults.append(
            Fault(
                key="embeddings.file",
                shown=file,
                origin="settings",
                advice=f"{_variable(f'embeddings.{given[0]}')} is set too, and there is one embedding model; "
                "leave one of them out",
                code="two_embedders",
                values={"given": _variable(f"embeddings.{given[0]}")},
            )
        )
    missing = [name for name in EMBEDDINGS[:3] if not part[name]]
    for name in missing:
        variable, other = (_variable(f"embeddings.{one}") for one in (name, given[0]))
        faults.append(
            Fault(
                key=f"embeddings.{name}",
                shown="",
                origin="default",
                advice=f"{other} is set, and an embedding endpoint needs this too; set {variable}",
                code="endpoint_part",
                values={"given": other, "variable": variable},
            )
        )
    return None if missing else EmbeddingEndpoint(**part)


def _at_fault(prefix: str, faults: list[Fault]) -> bool:
    return any(fault.key.startswith(prefix) for fault in faults)


def _variable(key: str) -> str:
    return next(setting.variable for setting in SETTINGS if setting.key == key)


def check_role(values: Mapping[str, Any], faults: list[Fault]) -> None:
    """Several processes share one PostgreSQL; a SQLite home has one."""
    if values["store.database_url"] or values["engine.role"] == "all" or _at_fault("store.", faults):
        return
    faults.append(
        Fault(
            key="engine.role",
            shown=repr(values["engine.role"]),
            origin="settings",
            advice="this is for several processes over one PostgreSQL; set FLOWMATIK_DATABASE_URL",
            code="role_alone",
        )
    )


def display_currency_of(values: Mapping[str, Any], faults: list[Fault]) -> DisplayCurrency | None:
    """None when nobody set one: amounts are shown in US dollars alone."""
    part = {name: values[f"budget.{name}"] for name in CURRENCY}
    given = [name for name in CURRENCY if part[name]]
    if not given or any(_at_fault(f"budget.{name}", faults) for name in CURRENCY):
        return None
    missing = [name for name in CURRENCY if not part[name]]
    for name in missing:
        variable, other = (_variable(f"budget.{one}") for one in (name, given[0]))
        faults.append(
            Fault(
                key=f"budget.{name}",
                shown="",
                origin="default",
                advice=f"{other} is set, and a currency needs its rate and the day of that; set {variable}",
                code="currency_part",
                values={"given": other, "variable": variable},
            )
        )
    if missing:
        return None
    return DisplayCurrency(currency=part["currency"], rate=part["rate"], as_of=part["rate_date"])
