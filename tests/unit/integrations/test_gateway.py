"""The gateway's choices; nothing is connected here."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.app.provider_settings import CONFIGURABLE
from flowmatik.contracts.models import Message, ModelRequest, Usage
from flowmatik.integrations.models.ai302.catalogue import catalogue
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings, provider_plugins
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import Deployment, RouteTable
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ConfigurationError, NotFound

KEYED = ProviderSettings(api_key="k")


def gateway(default: str = "", **providers: ProviderSettings) -> Gateway:
    return Gateway(GatewaySettings(providers=providers, default_model=default), SystemClock())


def ask(model: str) -> ModelRequest:
    return ModelRequest(model=model, messages=(Message(role="user", content="hello"),))


def test_every_plugin_says_what_it_is_and_needs() -> None:
    plugins = provider_plugins().manifests()
    assert {one.id for one in plugins} == {"local", *CONFIGURABLE, "openai_compatible"}
    assert all(one.summary and not one.missing() for one in plugins)


def test_without_a_key_the_local_model_is_the_default() -> None:
    assert gateway().default_model() == "local/extractive"
    unkeyed = ProviderSettings(base_url="http://h/v1", models=("m",), plugin="openai_compatible")
    assert gateway(own=unkeyed).default_model() == "local/extractive"


@pytest.mark.parametrize(
    ("providers", "model"),
    [
        ({"openai": KEYED}, "openai/gpt-6-luna"),
        ({"openai": ProviderSettings(api_key="k", models=("x", "y"))}, "openai/x"),
        ({"openai": ProviderSettings(), "ai302": KEYED}, "ai302/gpt-6-luna"),
    ],
)
def test_the_default_is_of_the_first_provider_with_a_key(providers: dict[str, Any], model: str) -> None:
    assert gateway(**providers).default_model() == model


def test_a_named_default_wins_and_must_belong_to_a_configured_provider() -> None:
    assert gateway("local/extractive", openai=KEYED).default_model() == "local/extractive"
    with pytest.raises(ConfigurationError, match="'elsewhere/m'"):
        gateway("elsewhere/m", openai=KEYED)


def test_an_unknown_plugin_and_a_missing_address_are_refused_at_once() -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        gateway(nobody=KEYED)
    with pytest.raises(ConfigurationError, match="base URL of the model provider 'mine'"):
        gateway(mine=ProviderSettings(plugin="openai_compatible"))


def test_the_worst_case_is_known_with_a_price_free_for_the_local_model_and_else_unknown() -> None:
    priced = ProviderSettings(base_url="http://h/v1", plugin="openai_compatible", prices={"m": (1.0, 1.0)})
    models = gateway(mine=priced, openai=KEYED)
    assert models.worst_case_micros(ask("local/extractive")) == 0
    assert models.worst_case_micros(ask("mine/other")) is None
    worst = models.worst_case_micros(ask("mine/m"))
    assert worst is not None
    assert worst > 2048
    assert (models.worst_case_micros(ask("openai/gpt-6-luna")) or 0) > 0


def test_what_anthropic_puts_into_its_cache_costs_more_also_by_a_price_of_ones_own() -> None:
    own = replace(KEYED, prices={"claude-sonnet-4-5": (2.0, 0.0)})
    models, listed = gateway(anthropic=own), gateway(anthropic=KEYED)
    tokens = Usage(input_tokens=1000, cache_write_tokens=1000)
    assert models.price_micros("anthropic/claude-sonnet-4-5", tokens) == 2500
    assert listed.price_micros("anthropic/claude-sonnet-4-5", tokens) == 3750
    worst = models.worst_case_micros(ask("anthropic/claude-sonnet-4-5")) or 0
    plain = gateway(openai=replace(KEYED, prices={"x": (2.0, 0.0)})).worst_case_micros(ask("openai/x")) or 0
    assert worst >= plain * 1.25
    read = replace(own, cached_prices={"claude-sonnet-4-5": (0.2, None)})
    assert gateway(anthropic=read).price_micros("anthropic/claude-sonnet-4-5", tokens) == 2500
    said = replace(own, cached_prices={"claude-sonnet-4-5": (None, 2.0)})
    assert gateway(anthropic=said).price_micros("anthropic/claude-sonnet-4-5", tokens) == 2000


def test_a_price_is_that_of_the_deployment_that_would_be_asked() -> None:
    plain = ProviderSettings(base_url="http://h/v1", plugin="openai_compatible", prices={"m": (1.0, 0.0)})
    dear = replace(plain, base_url="http://dear/v1", prices={"m": (5.0, 0.0), "n": (7.0, 0.0)})
    listed = (
        Deployment(id="1", name="fast", model="mine/m", settings=dear),
        Deployment(id="2", name="slow", model="other/n", settings=dear),
    )
    routes = RouteTable(deployments=listed, aliases={"quick": "fast"})
    models = Gateway(GatewaySettings(providers={"mine": plain}, routes=routes), SystemClock())
    prices = {
        name: models.price_micros(name, Usage(input_tokens=1000))
        for name in ("mine/m", "fast", "quick", "slow", "other/n", "other/m")
    }
    assert prices == {
        "mine/m": 1000, "fast": 5000, "quick": 5000, "slow": 7000, "other/n": 7000, "other/m": None
    }  # fmt: skip


def test_prices_of_openai_are_not_believed_at_another_address() -> None:
    elsewhere = ProviderSettings(api_key="k", base_url="http://proxy.example/v1")
    assert gateway(openai=elsewhere).worst_case_micros(ask("openai/gpt-6-luna")) is None


def test_a_key_is_never_shown() -> None:
    settings = GatewaySettings(providers={"openai": ProviderSettings(api_key="sk-hidden")})
    assert "sk-hidden" not in repr(settings)


def test_302ai_brings_its_prices_the_settings_go_before_them_and_others_stay_unknown() -> None:
    tokens = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    models = gateway(ai302=ProviderSettings(api_key="k", prices={"gpt-4o": (1.0, 1.0)}))
    assert models.price_micros("ai302/gpt-4.1-mini", tokens) == 2_000_000
    assert models.price_micros("ai302/gpt-4o", tokens) == 2_000_000
    assert models.price_micros("ai302/no-such-model", tokens) is None
    short = replace(tokens, input_tokens=200_000)
    assert models.price_micros("ai302/gpt-5.4", short) == 500_000 + 15_000_000
    assert models.price_micros("ai302/gpt-5.4", tokens) == 5_000_000 + 22_500_000
    elsewhere = gateway(ai302=ProviderSettings(api_key="k", base_url="http://proxy.example/v1"))
    assert elsewhere.price_micros("ai302/gpt-4.1-mini", tokens) is None


def test_every_price_of_302ai_is_an_amount() -> None:
    assert len(catalogue()) > 90
    for price in catalogue().values():
        assert 0 < price.input < 100
        assert 0 < price.output < 1000


def test_a_server_of_ones_own_is_free_but_for_what_it_passes_on() -> None:
    models = gateway(
        ollama=ProviderSettings(base_url="http://localhost:11434"),
        vllm=ProviderSettings(base_url="http://gpu:8000", prices={"dear": (1.0, 1.0)}),
    )
    assert models.worst_case_micros(ask("ollama/qwen3:4b")) == 0
    assert models.worst_case_micros(ask("ollama/gpt-oss:120b-cloud")) is None
    assert models.worst_case_micros(ask("ollama/glm-5:cloud")) is None
    assert models.worst_case_micros(ask("vllm/qwen3")) == 0
    assert (models.worst_case_micros(ask("vllm/dear")) or 0) > 0


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [
        ("anthropic", "claude-haiku-5-5", True),
        ("google", "gemini-3.5-flash-lite", True),
        ("mistral", "mistral-small-latest", True),
        ("groq", "llama-3.3-70b-versatile", True),
        ("openrouter", "openai/gpt-6-luna", True),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("azure", "gpt-4.1-mini", False),  # a deployment may have any name
        ("anthropic", "claude-unheard-of", False),
    ],
)
def test_the_public_list_is_asked_for_each_provider_at_its_own_address(
    provider: str, model: str, known: bool
) -> None:
    own = "https://mine.openai.azure.com" if provider == "azure" else ""
    for base_url, believed in ((own, known), ("http://proxy.example", False)):
        settings = replace(KEYED, region="eu-west-1", base_url=base_url)
        one = Gateway(GatewaySettings(providers={provider: settings}), SystemClock())
        assert ((one.worst_case_micros(ask(f"{provider}/{model}")) or 0) > 0) == believed


def test_no_vendor_is_imported_before_a_call() -> None:
    code = """
import sys
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings, provider_plugins
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import Deployment, RouteTable
from flowmatik.kernel.clock import SystemClock
one = ProviderSettings(api_key="k", base_url="http://h", region="r")
ids = [manifest.id for manifest in provider_plugins().manifests() if manifest.id != "local"]
Gateway(GatewaySettings(providers=dict.fromkeys(ids, one)), SystemClock())
vendors = ("pydantic_ai", "openai", "anthropic", "google.genai", "mistralai", "groq", "boto3", "genai_prices")
print([name for name in vendors if name in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
