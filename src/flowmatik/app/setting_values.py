"""The table of settings: name, variable, how a value is read, what it is when nobody says."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from flowmatik.app.provider_settings import PROVIDERS, SECRET
from flowmatik.contracts.ledger import LEDGER_DAYS

MICROS = 1_000_000
PRICED = ("input", "output", "cached_input", "cache_write")
EFFECTS = ("read", "idempotent", "once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One wrong setting; `shown` is its value as text, never that of a secret. `code` and `values` say
    `advice`, which is English, for the catalogues; `variable` is where it was set, if there."""

    key: str
    shown: str
    origin: str
    advice: str
    code: str = ""
    values: Mapping[str, object] = field(default_factory=lambda: {})
    variable: str = ""

    def line(self) -> str:
        return f"{self._what()} (from {self.origin}): {self.advice}"

    def detail(self) -> dict[str, object]:
        """For `Texts.fault`."""
        place = f"{self._what()} ({self.variable})" if self.variable else self._what()
        return {
            "place": place,
            "code": f"setting.{self.code}",
            "values": dict(self.values),
            "text": self.advice,
        }

    def _what(self) -> str:
        return f"{self.key} = {self.shown}" if self.shown else self.key


class Wrong(ValueError):
    """A value that cannot be used: why in English, and as a code with values."""

    def __init__(self, text: str, code: str, **values: object) -> None:
        super().__init__(text)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens of `model` (`<provider>/<name>`). None: as other input."""

    model: str
    input_usd: float
    output_usd: float
    cached_input_usd: float | None = None
    cache_write_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`field` is the name in Settings, "" for a value that is only used to build one. The value
    of a `secret` is never shown; a `private` one may not stand in the file either."""

    key: str
    field: str
    variable: str
    parse: Callable[[object], Any]
    default: Any
    secret: bool = False
    private: bool = False


def text(raw: object) -> str:
    if not isinstance(raw, str):
        raise Wrong("must be text in quotes", "text")
    return raw.strip()


def folders(raw: object) -> tuple[Path, ...]:
    """A list of absolute folders; in a variable separated as in PATH."""
    parts = raw.split(os.pathsep) if isinstance(raw, str) else raw
    if not isinstance(parts, list):
        raise Wrong("must be a list of absolute folders", "folders")
    named = [part for part in cast("list[object]", parts) if part != ""]
    found = tuple(Path(part).expanduser() for part in named if isinstance(part, str))
    if len(found) != len(named) or not all(path.is_absolute() for path in found):
        raise Wrong("must be a list of absolute folders", "folders")
    return found


def words(raw: object) -> tuple[str, ...]:
    """A list of names; in a variable separated by commas."""
    parts: object = raw.split(",") if isinstance(raw, str) else raw
    named = cast("list[object]", parts) if isinstance(parts, list) else [None]
    found = [one.strip() for one in named if isinstance(one, str)]
    if len(found) != len(named):
        raise Wrong("must be a list of names", "words")
    return tuple(one for one in found if one)


def one_of(*allowed: str) -> Callable[[object], str]:
    def parse(raw: object) -> str:
        value = text(raw).lower()
        if value not in allowed:
            choices = ", ".join(allowed)
            raise Wrong(f"must be one of {choices}", "one_of", choices=choices)
        return value

    return parse


def whole(low: int, high: int) -> Callable[[object], int]:
    def parse(raw: object) -> int:
        try:
            value = int(raw) if isinstance(raw, (int, str)) and not isinstance(raw, bool) else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise Wrong(f"must be a whole number from {low} to {high}", "whole", low=low, high=high)
        return value

    return parse


def yes_no(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    answers = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(raw, str) and raw.strip().lower() in answers:
        return answers[raw.strip().lower()]
    raise Wrong("must be true or false", "yes_no")


def dollars(raw: object) -> int | None:
    """US dollars to micro-dollars, rounded down; 0 is valid and permits only free calls."""
    if isinstance(raw, bool):
        raise Wrong("must be an amount in US dollars such as 0.50", "dollars")
    if isinstance(raw, str) and not raw.strip():
        return None
    try:
        value = float(raw) if isinstance(raw, (int, float, str)) else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise Wrong("must be an amount in US dollars such as 0.50, zero or more", "dollars")
    return math.floor(round(value * MICROS, 3))


def currency(raw: object) -> str:
    """ISO 4217, as three letters."""
    value = text(raw).upper()
    if value and not (len(value) == 3 and value.isascii() and value.isalpha()):
        raise Wrong("must be a currency in three letters such as EUR", "currency")
    return value


def rate(raw: object) -> str:
    """How much of a currency one US dollar is; kept in decimal, as it was written."""
    value = str(raw).strip() if isinstance(raw, (int, float, str)) and not isinstance(raw, bool) else "?"
    if not value:
        return ""
    try:
        given = Decimal(value)
    except InvalidOperation:
        given = Decimal(0)
    if not given.is_finite() or not 0 < given < 1_000_000_000:
        raise Wrong("must be what one US dollar is in that currency, such as 0.92", "rate")
    return value


def day(raw: object) -> str:
    value = raw.isoformat() if isinstance(raw, date) else text(raw)
    try:
        return date.fromisoformat(value).isoformat() if value else ""
    except ValueError:
        raise Wrong("must be a day such as 2026-11-28", "day") from None


def header_key(raw: object) -> str:
    """What goes into a header, where nothing but plain characters may stand."""
    value = text(raw)
    if not (value.isascii() and value.isprintable()):
        raise Wrong("must be made of plain characters", "key")
    return value


def web_address(raw: object) -> str:
    value = text(raw).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # brackets or a port that are none
        raise Wrong("must be an address that starts with http:// or https://", "web") from error
    if not sound:
        raise Wrong("must be an address that starts with http:// or https://", "web")
    if parts.username or parts.password:
        raise Wrong("must not carry a user name or password", "web_login")
    return value


def database_address(raw: object) -> str:
    value = text(raw)
    if value and urlsplit(value).scheme not in ("postgresql", "postgres"):
        raise Wrong("must start with postgresql://, or be empty for SQLite in the home folder", "database")
    return value


def bucket_address(raw: object) -> str:
    value = text(raw).rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query):
        raise Wrong("must look like s3://bucket/prefix, or be empty for the home folder", "bucket")
    return value


def redis_address(raw: object) -> str:
    value = text(raw)
    if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise Wrong("must start with redis://, rediss:// or unix://, or be empty for none", "redis")
    return value


def parse_prices(raw: object, origin: str, faults: list[Fault]) -> tuple[Price, ...]:
    """The `[prices]` table: `"<provider>/<name>" = { input = 0.4, output = 1.6 }`, with `cached_input` and
    `cache_write` for what the provider reads from its cache and puts into it, if those have other prices."""
    if not isinstance(raw, dict):
        advice = "must be a table"
        faults.append(Fault(key="prices", shown=repr(raw), origin=origin, advice=advice, code="table"))
        return ()
    prices: list[Price] = []
    for model, entry in cast("dict[str, object]", raw).items():
        price = _price(model, entry)
        if price is None:
            advice = (
                "must be { input = …, output = … } in US dollars per million tokens, zero or more; "
                "cached_input and cache_write may stand beside them"
            )
            key = f"prices.{model!r}"
            faults.append(Fault(key=key, shown=repr(entry), origin=origin, advice=advice, code="price"))
        else:
            prices.append(price)
    return tuple(prices)


def _price(model: str, entry: object) -> Price | None:
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, object]", entry)
    if not {"input", "output"} <= set(fields) <= set(PRICED):
        return None
    usd: dict[str, float] = {}
    for name, amount in fields.items():
        number = float(amount) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else -1.0
        if not math.isfinite(number) or number < 0:
            return None
        usd[f"{name}_usd"] = number
    return Price(
        model=model,
        input_usd=usd["input_usd"],
        output_usd=usd["output_usd"],
        cached_input_usd=usd.get("cached_input_usd"),
        cache_write_usd=usd.get("cache_write_usd"),
    )


def _setting(
    key: str, field: str, variable: str, parse: Callable[[object], Any], default: Any, *, secret: bool = False
) -> Setting:
    return Setting(
        key=key,
        field=field,
        variable=variable,
        parse=parse,
        default=default,
        secret=secret,
        private=secret and key.endswith(("api_key", "access_key", "secret_key", "session_token")),
    )


def _of_providers() -> tuple[Setting, ...]:
    parsers = {
        "key": header_key,
        "web": web_address,
        "text": text,
        "api": one_of("auto", "chat", "responses"),
    }
    return tuple(
        _setting(
            f"providers.{one.id}.{part.name}",
            "",
            part.variable,
            parsers[part.kind],
            part.default,
            secret=part.kind in SECRET,
        )
        for one in PROVIDERS
        for part in one.parts
    )


ROLES = ("all", "gateway", "worker", "scheduler")
LEVELS = one_of("debug", "info", "warning", "error")

SETTINGS: tuple[Setting, ...] = (
    _setting("language", "language", "FLOWMATIK_LANG", one_of("en", "es"), ""),
    _setting("server.host", "host", "FLOWMATIK_HOST", text, "127.0.0.1"),
    _setting("server.port", "port", "FLOWMATIK_PORT", whole(0, 65535), 8787),
    _setting("server.max_in_flight", "max_in_flight", "FLOWMATIK_MAX_IN_FLIGHT", whole(1, 100_000), 512),
    _setting("server.max_streams", "max_streams", "FLOWMATIK_MAX_STREAMS", whole(1, 100_000), 2048),
    _setting(
        "store.database_url", "database_url", "FLOWMATIK_DATABASE_URL", database_address, "", secret=True
    ),
    _setting(
        "store.synchronous",
        "sqlite_synchronous",
        "FLOWMATIK_SYNCHRONOUS",
        one_of("full", "normal"),
        "full",
    ),
    _setting(
        "store.wait_seconds", "store_wait_seconds", "FLOWMATIK_STORE_WAIT_SECONDS", whole(0, 86_400), 300
    ),
    _setting("redis.url", "redis_url", "FLOWMATIK_REDIS_URL", redis_address, "", secret=True),
    _setting("model.default", "model", "FLOWMATIK_MODEL", text, ""),
    _setting(
        "model.timeout_seconds", "model_timeout_seconds", "FLOWMATIK_MODEL_TIMEOUT_SECONDS", whole(1, 580), 60
    ),
    _setting("models.file", "models_file", "FLOWMATIK_MODELS_FILE", text, "models.yaml"),
    *_of_providers(),
    _setting("providers.custom.api_key", "", "FLOWMATIK_MODEL_API_KEY", header_key, "", secret=True),
    _setting("providers.custom.base_url", "", "FLOWMATIK_MODEL_BASE_URL", web_address, ""),
    _setting("embeddings.enabled", "embeddings", "FLOWMATIK_EMBEDDINGS", yes_no, True),
    _setting(
        "embeddings.numbers",
        "embedding_numbers",
        "FLOWMATIK_EMBEDDINGS_NUMBERS",
        one_of("float32", "int8"),
        "float32",
    ),
    _setting("embeddings.file", "embedding_file", "FLOWMATIK_EMBEDDINGS_FILE", text, ""),
    _setting("embeddings.base_url", "", "FLOWMATIK_EMBEDDINGS_BASE_URL", web_address, ""),
    _setting("embeddings.model", "", "FLOWMATIK_EMBEDDINGS_MODEL", text, ""),
    _setting("embeddings.dimensions", "", "FLOWMATIK_EMBEDDINGS_DIMENSIONS", whole(1, 16_384), 0),
    _setting("embeddings.api_key", "", "FLOWMATIK_EMBEDDINGS_API_KEY", header_key, "", secret=True),
    _setting("memory.reranker_model", "reranker_model", "FLOWMATIK_RERANKER_MODEL", text, ""),
    _setting("memory.repair", "memory_repair", "FLOWMATIK_MEMORY_REPAIR", one_of("auto", "off"), "auto"),
    _setting("memory.vectors", "vector_index", "FLOWMATIK_MEMORY_VECTORS", text, ""),
    _setting("memory.text", "text_index", "FLOWMATIK_MEMORY_TEXT", text, ""),
    _setting("memory.graph", "graph_index", "FLOWMATIK_MEMORY_GRAPH", text, ""),
    _setting("memory.ingest_roots", "ingest_roots", "FLOWMATIK_INGEST_ROOTS", folders, ()),
    _setting("blobs.url", "blobs_url", "FLOWMATIK_BLOBS_URL", bucket_address, ""),
    _setting("blobs.endpoint", "blobs_endpoint", "FLOWMATIK_BLOBS_ENDPOINT", web_address, ""),
    _setting("blobs.region", "blobs_region", "FLOWMATIK_BLOBS_REGION", text, "us-east-1"),
    _setting(
        "blobs.access_key", "blobs_access_key", "FLOWMATIK_BLOBS_ACCESS_KEY", header_key, "", secret=True
    ),
    _setting(
        "blobs.secret_key", "blobs_secret_key", "FLOWMATIK_BLOBS_SECRET_KEY", header_key, "", secret=True
    ),
    _setting("budget.run_usd", "run_budget_micros", "FLOWMATIK_RUN_BUDGET", dollars, None),
    _setting("budget.month_usd", "month_budget_micros", "FLOWMATIK_MONTH_BUDGET", dollars, None),
    _setting("budget.currency", "", "FLOWMATIK_CURRENCY", currency, ""),
    _setting("budget.rate", "", "FLOWMATIK_CURRENCY_RATE", rate, ""),
    _setting("budget.rate_date", "", "FLOWMATIK_CURRENCY_DATE", day, ""),
    _setting("engine.role", "role", "FLOWMATIK_ROLE", one_of(*ROLES), "all"),
    _setting("engine.max_running_runs", "max_running_runs", "FLOWMATIK_MAX_RUNNING_RUNS", whole(1, 1000), 64),
    _setting("retention.runs_days", "runs_days", "FLOWMATIK_RUNS_DAYS", whole(0, 36_500), 30),
    _setting("retention.ledger_days", "ledger_days", "FLOWMATIK_LEDGER_DAYS", whole(0, 36_500), LEDGER_DAYS),
    _setting("tools.code", "tools_code", "FLOWMATIK_TOOLS_CODE", yes_no, False),
    _setting("factory.enabled", "factory", "FLOWMATIK_FACTORY", yes_no, False),
    _setting("factory.skills", "factory_skills", "FLOWMATIK_FACTORY_SKILLS", words, ()),
    _setting("factory.tools", "factory_tools", "FLOWMATIK_FACTORY_TOOLS", words, ()),
    _setting("factory.effect", "factory_effect", "FLOWMATIK_FACTORY_EFFECT", one_of(*EFFECTS), "read"),
    _setting("factory.task_usd", "factory_task_micros", "FLOWMATIK_FACTORY_TASK_USD", dollars, None),
    _setting("factory.most_a_day", "factory_a_day", "FLOWMATIK_FACTORY_A_DAY", whole(0, 1000), 5),
    _setting("factory.floor_percent", "factory_floor", "FLOWMATIK_FACTORY_FLOOR", whole(0, 100), 50),
    _setting("log.level", "log_level", "FLOWMATIK_LOG_LEVEL", LEVELS, "warning"),
)
