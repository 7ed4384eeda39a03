"""Settings: precedence, one report of every fault, and no secret in any message."""

import re
from pathlib import Path

import pytest

from flowmatik.app.logs import secrets_of
from flowmatik.app.setting_groups import EmbeddingEndpoint
from flowmatik.app.settings import Settings, choose_language, find_home, load_settings
from flowmatik.app.texts import Texts
from flowmatik.contracts.budgets import DisplayCurrency
from flowmatik.kernel.errors import ConfigurationError

SECRET = "sk-very-secret-value"
CUSTOM = {"FLOWMATIK_MODEL_BASE_URL": "http://h", "FLOWMATIK_MODEL_API_KEY": SECRET}


def home_with(tmp_path: Path, toml: str = "") -> Path:
    (tmp_path / "flowmatik.toml").write_text(toml, encoding="utf-8")
    return tmp_path


def fault_of(home: Path, environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(home, environment)
    return caught.value.message


def test_an_empty_home_gets_the_defaults(tmp_path: Path) -> None:
    assert load_settings(home_with(tmp_path), {}) == Settings(home=tmp_path)


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    home = home_with(tmp_path, "[server]\nport = 1111\nhost = '10.0.0.1'\n")
    assert load_settings(home, {}).port == 1111
    assert load_settings(home, {"FLOWMATIK_PORT": "2222"}).port == 2222
    both = load_settings(home, {"FLOWMATIK_PORT": "2222"}, {"server.port": 3333, "server.host": None})
    assert (both.port, both.host) == (3333, "10.0.0.1")


def test_every_fault_is_reported_at_once_with_its_origin_and_what_to_do(tmp_path: Path) -> None:
    home = home_with(tmp_path, "[server]\nprot = 1\n[log]\nlevel = 'loud'\n")
    message = fault_of(home, {"FLOWMATIK_PORT": "99999", "FLOWMATIK_RUN_BUDGET": "-1"})
    assert "server.prot (from flowmatik.toml): no such setting; did you mean 'server.port'?" in message
    assert "log.level = 'loud' (from flowmatik.toml): must be one of debug, info, warning, error" in message
    assert "server.port = '99999' (from environment variable FLOWMATIK_PORT)" in message
    assert "budget.run_usd = '-1'" in message
    assert message.startswith("4 settings are wrong")


@pytest.mark.parametrize("login", [f"user:{SECRET}", SECRET, f":{SECRET}", f"a@b:{SECRET}"])
def test_the_login_in_an_address_is_not_shown_when_it_is_refused(tmp_path: Path, login: str) -> None:
    address = f"https://{login}@models.example/v1"
    message = fault_of(home_with(tmp_path), {"FLOWMATIK_MODEL_BASE_URL": address})
    assert "must not carry a user name or password" in message
    assert "https://(hidden)@models.example/v1" in message
    assert SECRET not in message


def test_a_secret_never_appears_in_a_message_or_a_representation(tmp_path: Path) -> None:
    address = f"mysql://user:{SECRET}@host/db"
    home = home_with(tmp_path, f"[providers.openai]\napi_key = '{SECRET}'\n")
    message = fault_of(home, {"FLOWMATIK_DATABASE_URL": address})
    assert "store.database_url = (hidden)" in message
    assert "set FLOWMATIK_OPENAI_API_KEY instead" in message
    assert SECRET not in message
    working = home_with(tmp_path)
    settings = load_settings(
        working,
        {"FLOWMATIK_OPENAI_API_KEY": SECRET, "FLOWMATIK_DATABASE_URL": f"postgresql://u:{SECRET}@h/d"},
    )
    assert settings.providers[0].api_key == SECRET
    assert SECRET not in repr(settings)


def test_a_file_that_is_not_toml_is_a_fault_like_any_other(tmp_path: Path) -> None:
    message = fault_of(home_with(tmp_path, "port = = 1"), {"FLOWMATIK_PORT": "x"})
    assert "flowmatik.toml" in message
    assert "server.port = 'x'" in message


def test_a_custom_provider_needs_an_address_and_a_model_but_no_key(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    address = {"FLOWMATIK_MODEL_BASE_URL": "http://localhost:11434/v1/"}
    local = load_settings(home, {**address, "FLOWMATIK_MODEL": "llama"})
    assert [(p.id, p.base_url, p.api_key) for p in local.providers] == [
        ("custom", "http://localhost:11434/v1", "")
    ]
    assert "Set FLOWMATIK_MODEL" in fault_of(home, address)
    assert "FLOWMATIK_MODEL_BASE_URL" in fault_of(home, {"FLOWMATIK_MODEL_API_KEY": SECRET})


@pytest.mark.parametrize(
    ("environment", "model"),
    [
        ({}, ""),
        ({"FLOWMATIK_302AI_API_KEY": SECRET}, ""),
        ({"FLOWMATIK_OPENAI_API_KEY": SECRET, "FLOWMATIK_MODEL": "openai/x"}, "openai/x"),
        ({"FLOWMATIK_OPENAI_API_KEY": SECRET, "FLOWMATIK_MODEL": "local/extractive"}, "local/extractive"),
        ({"FLOWMATIK_MODEL_BASE_URL": "http://h", "FLOWMATIK_MODEL": "org/m"}, "custom/org/m"),
        ({"FLOWMATIK_MODEL_BASE_URL": "http://h", "FLOWMATIK_MODEL": "custom/m"}, "custom/m"),
    ],
)
def test_a_model_is_named_with_its_provider_and_none_is_left_to_the_gateway(
    environment: dict[str, str], model: str, tmp_path: Path
) -> None:
    assert load_settings(home_with(tmp_path), environment).model == model


def test_a_model_of_a_provider_without_a_key_is_a_fault(tmp_path: Path) -> None:
    assert "no such provider is configured" in fault_of(home_with(tmp_path), {"FLOWMATIK_MODEL": "openai/x"})


@pytest.mark.parametrize(
    ("environment", "key", "advice"),
    [
        ({"FLOWMATIK_MODEL": "local/nope"}, "model.default", "the offline model is called local/extractive"),
        ({"FLOWMATIK_MODEL": "local"}, "model.default", "the offline model is called local/extractive"),
        ({**CUSTOM, "FLOWMATIK_MODEL": "local/nope"}, "model.default", "custom/local/nope"),
        (
            {**CUSTOM, "FLOWMATIK_MODEL": "openai/x"},
            "model.default",
            "set FLOWMATIK_OPENAI_API_KEY, or write custom/openai/x",
        ),
        ({**CUSTOM, "FLOWMATIK_MODEL": "custom"}, "model.default", "Write custom/NAME"),
        (
            {**CUSTOM, "FLOWMATIK_MODEL_BASE_URL": "ftp://x", "FLOWMATIK_MODEL": "m"},
            "providers.custom.base_url",
            "must be an address that starts with http",
        ),
        (
            {"FLOWMATIK_MODEL_BASE_URL": "http://h:99999", "FLOWMATIK_MODEL": "custom/m"},
            "providers.custom.base_url",
            "must be an address that starts with http",
        ),
        ({"FLOWMATIK_MODEL_API_KEY": SECRET, "FLOWMATIK_MODEL": "m"}, "providers.custom.base_url", "is set"),
        ({"FLOWMATIK_OPENAI_API_KEY": "sk-\u00e9", "FLOWMATIK_MODEL": "openai/x"}, "api_key", "plain"),
    ],
)
def test_a_wrong_model_or_address_is_one_fault_that_says_what_to_do(
    environment: dict[str, str], key: str, advice: str, tmp_path: Path
) -> None:
    message = fault_of(home_with(tmp_path), environment)
    assert message.startswith("1 setting is wrong"), message
    assert key in message
    assert advice in message
    if key == "model.default":
        assert repr(environment["FLOWMATIK_MODEL"]) in message


def test_an_embedding_endpoint_is_an_address_a_model_and_its_dimensions(tmp_path: Path) -> None:
    home = home_with(tmp_path, "[embeddings]\nbase_url = 'http://e/v1'\nmodel = 'm'\ndimensions = 8\n")
    settings = load_settings(home, {"FLOWMATIK_EMBEDDINGS_API_KEY": SECRET})
    assert settings.embedding_endpoint == EmbeddingEndpoint(
        base_url="http://e/v1", model="m", dimensions=8, api_key=SECRET
    )
    assert SECRET not in repr(settings)
    assert SECRET in secrets_of(settings)
    assert load_settings(home_with(tmp_path), {}).embedding_endpoint is None


@pytest.mark.parametrize(
    ("environment", "faults"),
    [
        ({"BASE_URL": "http://e"}, ["embeddings.model (", "embeddings.dimensions ("]),
        ({"MODEL": "m", "DIMENSIONS": "8"}, ["embeddings.base_url ("]),
        ({"API_KEY": SECRET}, ["embeddings.base_url (", "embeddings.model (", "embeddings.dimensions ("]),
        ({"BASE_URL": "ftp://e"}, ["embeddings.base_url = 'ftp://e'"]),
        ({"BASE_URL": "http://e", "MODEL": "m", "DIMENSIONS": "0"}, ["embeddings.dimensions = '0'"]),
    ],
)
def test_what_an_embedding_endpoint_lacks_is_named_with_its_variable(
    environment: dict[str, str], faults: list[str], tmp_path: Path
) -> None:
    given = {f"FLOWMATIK_EMBEDDINGS_{name}": value for name, value in environment.items()}
    first, *lines = fault_of(home_with(tmp_path), given).splitlines()
    assert first.startswith(f"{len(faults)} setting")
    assert [fault in line for fault, line in zip(faults, lines, strict=True)] == [True] * len(faults)
    assert SECRET not in "".join(lines)


def test_a_key_for_embeddings_in_the_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    message = fault_of(home_with(tmp_path, f"[embeddings]\napi_key = '{SECRET}'\n"), {})
    assert "set FLOWMATIK_EMBEDDINGS_API_KEY instead" in message
    assert message.startswith("1 setting is wrong")
    assert SECRET not in message


def test_a_budget_of_zero_is_a_cap_and_no_budget_is_none(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    assert load_settings(home, {"FLOWMATIK_RUN_BUDGET": "0"}).run_budget_micros == 0
    assert load_settings(home, {"FLOWMATIK_RUN_BUDGET": "0.29"}).run_budget_micros == 290_000
    assert load_settings(home, {}).run_budget_micros is None


def test_a_display_currency_is_its_rate_and_the_day_of_that(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).display_currency is None
    (tmp_path / "flowmatik.toml").write_text(
        "[budget]\ncurrency = 'eur'\nrate = 0.92\nrate_date = 2026-11-01\n"
    )
    assert load_settings(tmp_path, {}).display_currency == DisplayCurrency(
        currency="EUR", rate="0.92", as_of="2026-11-01"
    )
    moved = load_settings(tmp_path, {"FLOWMATIK_CURRENCY_RATE": "0.93"}).display_currency
    assert moved is not None
    assert moved.rate == "0.93"


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("currency = 'euro'", "budget.currency"),
        ("currency = 'EUR'\nrate = 0\nrate_date = '2026-11-01'", "budget.rate"),
        ("currency = 'EUR'\nrate = 'nan'\nrate_date = '2026-11-01'", "budget.rate"),
        ("currency = 'EUR'\nrate = 1.1\nrate_date = 'today'", "budget.rate_date"),
        ("currency = 'EUR'\nrate = 1.1", "FLOWMATIK_CURRENCY_DATE"),
        ("rate = 1.1\nrate_date = '2026-11-01'", "FLOWMATIK_CURRENCY"),
    ],
)
def test_half_a_display_currency_is_a_fault_that_names_the_rest(
    tmp_path: Path, lines: str, named: str
) -> None:
    (tmp_path / "flowmatik.toml").write_text(f"[budget]\n{lines}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path, {})
    assert named in refused.value.message


def test_prices_are_read_and_a_bad_price_is_named(tmp_path: Path) -> None:
    good = load_settings(home_with(tmp_path, "[prices]\n'custom/m' = { input = 0.4, output = 1 }\n"), {})
    assert [(p.model, p.input_usd, p.output_usd) for p in good.prices] == [("custom/m", 0.4, 1.0)]
    bad = fault_of(home_with(tmp_path, "[prices]\n'custom/m' = { input = -1, output = 1 }\n"), {})
    assert "custom/m" in bad


def test_unknown_variables_are_kept_as_a_warning(tmp_path: Path) -> None:
    settings = load_settings(home_with(tmp_path), {"FLOWMATIK_PROT": "1", "FLOWMATIK_HOME": "x"})
    assert settings.warnings == ("FLOWMATIK_PROT",)


def test_home_is_the_flag_then_the_variable_then_the_nearest_parent(tmp_path: Path) -> None:
    first, second, nested = tmp_path / "a", tmp_path / "b", tmp_path / "c" / "deep"
    for folder in (first, second, nested):
        folder.mkdir(parents=True)
    home_with(first)
    home_with(second)
    home_with(tmp_path / "c")
    environment = {"FLOWMATIK_HOME": str(second)}
    assert find_home(str(first), environment, nested) == first
    assert find_home(None, environment, nested) == second
    assert find_home(None, {}, nested) == tmp_path / "c"


def test_without_a_home_the_error_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="flowmatik init") as caught:
        find_home(None, {}, tmp_path)
    assert caught.value.code == "config.no_home"
    with pytest.raises(ConfigurationError, match="flowmatik init --home"):
        find_home(str(tmp_path), {}, tmp_path)


@pytest.mark.parametrize(
    ("flag", "environment", "configured", "expected"),
    [
        ("es", {"LANG": "en_GB.UTF-8"}, "en", "es"),
        (None, {"FLOWMATIK_LANG": "es", "LANG": "en_GB"}, "en", "es"),
        (None, {"LANG": "en_GB"}, "es", "es"),
        (None, {"LC_ALL": "es_ES.UTF-8"}, "", "es"),
        (None, {"LANG": "fr_FR"}, "", "en"),
        (None, {}, "", "en"),
    ],
)
def test_the_language_is_flag_variable_file_locale(
    flag: str | None, environment: dict[str, str], configured: str, expected: str
) -> None:
    assert choose_language(flag, environment, configured) == expected


def test_every_fault_is_said_in_spanish_too(tmp_path: Path) -> None:
    text = (
        "extra = 1\n[server]\nport = 'x'\nprot = 1\n[embeddings]\nenabled = 'maybe'\n[providers.openai]\n"
        "api_key = 'k'\nbase_url = 'ftp://x'\n[prices]\n'custom/m' = 5\n[log]\nlevel = 3\n"
    )
    environment = {
        "FLOWMATIK_RUN_BUDGET": "-1",
        "FLOWMATIK_DATABASE_URL": "mysql://h",
        "FLOWMATIK_MODEL_API_KEY": "k",
        "FLOWMATIK_MODEL": "nobody/x",
    }
    with pytest.raises(ConfigurationError) as caught:
        load_settings(home_with(tmp_path, text), environment)
    english, spanish = caught.value.message.splitlines(), Texts("es").error(caught.value).splitlines()
    assert spanish[0] == f"Ajustes incorrectos: {len(english) - 1}"
    assert len(spanish) == len(english) >= 11
    assert "  - server.port = 'x': debe ser un número entero de 0 a 65535" in spanish
    assert "  - budget.run_usd = '-1' (FLOWMATIK_RUN_BUDGET): debe ser una cantidad en dólares" in "\n".join(
        spanish
    )
    for line in spanish:
        assert not re.search(r"\b(must|set|such|the|not|did you)\b", line), line


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"FLOWMATIK_ANTHROPIC_API_KEY": SECRET}, ("anthropic", "https://api.anthropic.com")),
        ({"FLOWMATIK_GROQ_API_KEY": SECRET}, ("groq", "https://api.groq.com")),
        ({"FLOWMATIK_OLLAMA_BASE_URL": "http://h:11434/"}, ("ollama", "http://h:11434")),
        ({"FLOWMATIK_BEDROCK_REGION": "eu-west-1"}, ("bedrock", "")),
        (
            {"FLOWMATIK_AZURE_API_KEY": SECRET, "FLOWMATIK_AZURE_BASE_URL": "https://me.openai.azure.com"},
            ("azure", "https://me.openai.azure.com"),
        ),
    ],
)
def test_what_a_provider_needs_sets_it_up(
    environment: dict[str, str], expected: tuple[str, str], tmp_path: Path
) -> None:
    settings = load_settings(home_with(tmp_path), environment)
    assert [(one.id, one.base_url) for one in settings.providers] == [expected]
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"FLOWMATIK_AZURE_API_KEY": SECRET}, ["FLOWMATIK_AZURE_BASE_URL"]),
        ({"FLOWMATIK_AZURE_API_VERSION": "v"}, ["FLOWMATIK_AZURE_API_KEY", "FLOWMATIK_AZURE_BASE_URL"]),
        ({"FLOWMATIK_VLLM_API_KEY": SECRET}, ["FLOWMATIK_VLLM_BASE_URL"]),
        (
            {"FLOWMATIK_BEDROCK_ACCESS_KEY": SECRET},
            ["FLOWMATIK_BEDROCK_REGION", "FLOWMATIK_BEDROCK_SECRET_KEY"],
        ),
    ],
)
def test_half_a_provider_is_a_fault_for_each_part_that_lacks(
    environment: dict[str, str], missing: list[str], tmp_path: Path
) -> None:
    message = fault_of(home_with(tmp_path), environment)
    assert message.count("\n") == len(missing)
    assert all(f"set {variable}" in message for variable in missing)
    assert SECRET not in message


def test_the_keys_of_every_provider_are_kept_out_of_the_file(tmp_path: Path) -> None:
    text = f"[providers.bedrock]\nsession_token = '{SECRET}'\n[providers.groq]\napi_key = '{SECRET}'\n"
    message = fault_of(home_with(tmp_path, text), {})
    assert "set FLOWMATIK_BEDROCK_SESSION_TOKEN instead" in message
    assert "set FLOWMATIK_GROQ_API_KEY instead" in message
    assert SECRET not in message


def test_a_server_of_ones_own_may_name_models_as_vendors_do(tmp_path: Path) -> None:
    named = {**CUSTOM, "FLOWMATIK_MODEL": "anthropic/claude"}
    assert load_settings(home_with(tmp_path), named).model == "custom/anthropic/claude"
    both = {**named, "FLOWMATIK_ANTHROPIC_API_KEY": SECRET}
    assert load_settings(home_with(tmp_path), both).model == "anthropic/claude"


def test_a_price_may_say_what_a_cache_makes_of_it(tmp_path: Path) -> None:
    home = home_with(tmp_path, "[prices]\n'custom/m' = { input = 3, output = 15, cached_input = 0.3 }\n")
    (price,) = load_settings(home, {}).prices
    assert (price.cached_input_usd, price.cache_write_usd) == (0.3, None)
    for wrong in ("{ input = 3, cached_input = 1 }", "{ input = 3, output = 1, cached_input = -1 }"):
        assert "cache_write may stand" in fault_of(
            home_with(tmp_path, f"[prices]\n'custom/m' = {wrong}\n"), {}
        )
