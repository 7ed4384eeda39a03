"""Everything that can be set, where it comes from, and what is wrong with it.

The only reader of the environment. Flag > FLOWMATIK_* variable > flowmatik.toml > default.
All faults are reported together, and a secret's value is never part of a message.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flowmatik.app.index_settings import IndexTables, check_indexes, no_tables, take_index_tables
from flowmatik.app.setting_groups import (
    EmbeddingEndpoint,
    Provider,
    check_redis,
    check_role,
    display_currency_of,
    embedding_endpoint_of,
    model_of,
    providers_of,
)
from flowmatik.app.setting_values import (
    SETTINGS,
    Fault,
    Price,
    Setting,
    Wrong,
    parse_prices,
)
from flowmatik.contracts.budgets import DisplayCurrency
from flowmatik.contracts.ledger import LEDGER_DAYS
from flowmatik.kernel.errors import ConfigurationError

SETTINGS_FILE = "flowmatik.toml"
USER_INFO = re.compile(r"//[^/?#]*@")  # of an address
QUERY = re.compile(r"\?[^'\"]+")
MODELS_FILE = "models.yaml"
DATA_FOLDER = ".flowmatik"
# Read by test.sh and the benchmarks, or before the settings exist.
OTHER_VARIABLES = frozenset(
    {"FLOWMATIK_HOME", "FLOWMATIK_TEST_DATA", "FLOWMATIK_URL", "FLOWMATIK_API_KEY", "FLOWMATIK_DEBUG"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One installation, completely. `database_url` "" is SQLite in the home; `role` is what this process does
    ("all", "gateway", "worker" or "scheduler"), and `redis_url` where such processes meet, "" for nowhere;
    amounts are integer micro-dollars, None is no cap; `providers` holds only those that can be used;
    `store_wait_seconds` is for whoever follows a run while its store is away; `ingest_roots` are the
    folders of which an administrator may ask the server to ingest something, () the home;
    `memory_repair` "auto": a damaged memory file is set aside and repaired at the start, "off": by a command;
    `reranker_model` is asked to order what searches find, "" none;
    `vector_index` and `text_index` are the plugins that searches ask, `graph_index` the one for how entities
    hang together, "" memory's own store, with what the file says of each in `index_tables`;
    `model` "" leaves it to the model list or the first provider, else it is the offline model; `models_file`
    is that list, seen from the home; `language` "" leaves it to
    the locale; `blobs_url` "" keeps blobs in the home; without `embedding_endpoint` passages are embedded
    in this process, by the model in `embedding_file`, seen from the home, or without one by that which came
    along, in `embedding_numbers`;
    `runs_days`: ended runs are deleted so long after their end, 0 never; `ledger_days`: the same of what they
    cost, after the day;
    `tools_code`: agents whose profiles say so may run code, in a sandbox;
    `factory…`: whether agents are composed for tasks that nobody fits, and within what;
    `max_in_flight` requests, and beside them `max_streams` streams of events, are answered at once."""

    home: Path
    database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    role: str = "all"
    sqlite_synchronous: str = "full"
    store_wait_seconds: int = 300
    host: str = "127.0.0.1"
    port: int = 8787
    max_in_flight: int = 512
    max_streams: int = 2048
    language: str = ""
    model: str = ""
    model_timeout_seconds: int = 60
    models_file: str = MODELS_FILE
    providers: tuple[Provider, ...] = ()
    prices: tuple[Price, ...] = ()
    embeddings: bool = True
    embedding_numbers: str = "float32"
    embedding_file: str = ""
    embedding_endpoint: EmbeddingEndpoint | None = None
    ingest_roots: tuple[Path, ...] = ()
    reranker_model: str = ""
    memory_repair: str = "auto"
    vector_index: str = ""
    text_index: str = ""
    graph_index: str = ""
    index_tables: IndexTables = field(default_factory=no_tables, repr=False)
    run_budget_micros: int | None = None
    month_budget_micros: int | None = None
    display_currency: DisplayCurrency | None = None
    blobs_url: str = ""
    blobs_endpoint: str = ""
    blobs_region: str = "us-east-1"
    blobs_access_key: str = field(default="", repr=False)
    blobs_secret_key: str = field(default="", repr=False)
    max_running_runs: int = 64
    runs_days: int = 30
    ledger_days: int = LEDGER_DAYS
    tools_code: bool = False
    factory: bool = False
    factory_skills: tuple[str, ...] = ()
    factory_tools: tuple[str, ...] = ()
    factory_effect: str = "read"
    factory_task_micros: int | None = None
    factory_a_day: int = 5
    factory_floor: int = 50
    log_level: str = "warning"
    warnings: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        """Where the installation keeps what it knows; mode 0700."""
        return self.home / DATA_FOLDER

    @property
    def documents(self) -> Path:
        return self.home / "documents"

    @property
    def skills(self) -> Path:
        """Skills of one's own, a folder for each."""
        return self.home / "skills"

    @property
    def models_path(self) -> Path:
        """The model list, which need not be there."""
        return self.home / self.models_file

    @property
    def uploads(self) -> Path:
        """Documents that were sent to the server, a folder for each workspace."""
        return self.data / "uploads"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def durable(self) -> bool:
        """Whether what the store has acknowledged survives a power cut."""
        return bool(self.database_url) or self.sqlite_synchronous == "full"

    @property
    def outbox(self) -> Path:
        """Files that tools write for people."""
        return self.home / "outbox"


def process_environment() -> Mapping[str, str]:
    """The environment of this process, as it is now."""
    return dict(os.environ)


def find_home(flag: str | None, environment: Mapping[str, str], start: Path) -> Path:
    """`--home`, else FLOWMATIK_HOME, else the nearest folder at or above `start` that holds
    flowmatik.toml. Raises ConfigurationError (`config.no_home`) naming `flowmatik init`."""
    named = flag or environment.get("FLOWMATIK_HOME", "")
    if named:
        home = Path(named).expanduser().resolve()
        if not (home / SETTINGS_FILE).is_file():
            raise ConfigurationError(
                f"{str(home)!r} is not a Flowmatik home: it has no {SETTINGS_FILE}. "
                f"Create it with `flowmatik init --home {home}`.",
                code="config.no_home",
                context={"home": str(home)},
            )
        return home
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise ConfigurationError(
        f"No Flowmatik home: neither {str(start)!r} nor a folder above it holds {SETTINGS_FILE}. "
        "Create one with `flowmatik init`, or name one with --home or FLOWMATIK_HOME.",
        code="config.no_home",
        context={"start": str(start)},
    )


def load_settings(
    home: Path, environment: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the installation at `home`. `flags` are dotted setting names (such as
    `server.port`) to values given on the command line; None counts as not given.

    Raises ConfigurationError with every fault: setting, value, origin, what to do.
    """
    faults: list[Fault] = []
    document = _read_document(home / SETTINGS_FILE, faults)
    prices = parse_prices(document.pop("prices", {}), f"{SETTINGS_FILE} [prices]", faults)
    tables = take_index_tables(document, environment, SETTINGS_FILE, faults)
    in_file = _flatten(document)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        values[setting.key] = _value_of(setting, environment, in_file, flags or {}, faults)
    faults.extend(_unknown_keys(in_file))
    providers = providers_of(values, faults)
    if values["model.default"] not in _listed(home, values["models.file"]):
        values["model.default"] = model_of(values["model.default"], providers, faults)
    endpoint = embedding_endpoint_of(values, faults)
    display = display_currency_of(values, faults)
    check_redis(values, faults)
    check_role(values, faults)
    check_indexes(values, "settings", faults)
    if faults:
        raise _all_faults(faults)
    return Settings(
        home=home,
        providers=providers,
        prices=prices,
        embedding_endpoint=endpoint,
        index_tables=tables,
        display_currency=display,
        warnings=_unknown_variables(environment),
        **{s.field: values[s.key] for s in SETTINGS if s.field},
    )


def is_language(flag: str) -> bool:
    """Whether `--lang` may be that: a language of the catalogues, or a region of one."""
    return re.split("[-_.]", flag.lower())[0] in ("en", "es")


def choose_language(flag: str | None, environment: Mapping[str, str], configured: str = "") -> str:
    """`--lang`, FLOWMATIK_LANG, flowmatik.toml, then the locale; `en` for anything but Spanish. A flag
    that names no language here counts as none: whoever parses the flag says so."""
    flag = flag if flag and is_language(flag) else ""
    candidates = [flag, environment.get("FLOWMATIK_LANG", ""), configured]
    candidates += [environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    for candidate in candidates:
        if candidate:
            return "es" if candidate.lower().startswith("es") else "en"
    return "en"


def configured_language(home: Path) -> str:
    """What flowmatik.toml says of the language, "" when it cannot be read: the full check
    reports that later, in the language chosen without it."""
    document = _read_document(home / SETTINGS_FILE, [])
    language = document.get("language", "")
    return language if isinstance(language, str) else ""


def _listed(home: Path, file: str) -> frozenset[str]:
    """Names that the model list gives."""
    path = home / file
    if not path.is_file():
        return frozenset()
    from flowmatik.app.model_list import listed_in

    return listed_in(path).names


def _value_of(
    setting: Setting,
    environment: Mapping[str, str],
    in_file: Mapping[str, object],
    flags: Mapping[str, object],
    faults: list[Fault],
) -> Any:
    raw: object
    if (given := flags.get(setting.key)) is not None:
        raw, origin = given, f"--{setting.key.rpartition('.')[2].replace('_', '-')}"
    elif setting.variable and environment.get(setting.variable, "") != "":
        raw, origin = environment[setting.variable], f"environment variable {setting.variable}"
    elif setting.key in in_file:
        raw, origin = in_file[setting.key], SETTINGS_FILE
        if setting.private:
            faults.append(
                Fault(
                    key=setting.key,
                    shown="(hidden)",
                    origin=origin,
                    advice=f"keys do not belong in a file that is shared; set {setting.variable} instead",
                    code="private",
                    values={"variable": setting.variable},
                )
            )
            return setting.default
    else:
        return setting.default
    try:
        return setting.parse(raw)
    except Wrong as wrong:
        shown = "(hidden)" if setting.secret else _without_keys(repr(raw))
        faults.append(
            Fault(
                key=setting.key,
                shown=shown,
                origin=origin,
                advice=str(wrong),
                code=wrong.code,
                values=wrong.values,
                variable=setting.variable if origin.endswith(setting.variable) else "",
            )
        )
        return setting.default


def _without_keys(address: str) -> str:
    """What people paste into addresses, sound or not."""
    return QUERY.sub("?(hidden)", USER_INFO.sub("//(hidden)@", address))


def _read_document(path: Path, faults: list[Fault]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(
            Fault(
                key=SETTINGS_FILE,
                shown=str(path),
                origin="file",
                advice=f"it cannot be read: {error}",
                code="unreadable",
                values={"why": str(error)},
            )
        )
        return {}


def _flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= _flatten(cast("dict[str, Any]", value), f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _unknown_keys(in_file: Mapping[str, object]) -> list[Fault]:
    known = [setting.key for setting in SETTINGS]
    faults: list[Fault] = []
    for key in in_file:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            advice = f"no such setting; did you mean {near[0]!r}?" if near else "no such setting; remove it"
            code, values = ("meant", {"meant": near[0]}) if near else ("unknown", {})
            faults.append(
                Fault(key=key, shown="", origin=SETTINGS_FILE, advice=advice, code=code, values=values)
            )
    return faults


def _unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    known = {setting.variable for setting in SETTINGS} | OTHER_VARIABLES
    return tuple(sorted(n for n in environment if n.startswith("FLOWMATIK_") and n not in known))


def _all_faults(faults: list[Fault]) -> ConfigurationError:
    lines = "\n".join(f"  - {fault.line()}" for fault in faults)
    word = "setting is" if len(faults) == 1 else "settings are"
    return ConfigurationError(
        f"{len(faults)} {word} wrong:\n{lines}",
        context={
            "faults": [fault.line() for fault in faults],
            "details": [fault.detail() for fault in faults],
        },
    )
