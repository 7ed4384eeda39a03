"""The gateway's choices; nothing is connected here."""

from typing import Any

import pytest

from flowmatik.app.provider_settings import CONFIGURABLE
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings, provider_plugins
from flowmatik.integrations.provider import ProviderSettings
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
        ({"openai": KEYED}, "openai/gpt-4.1-mini"),
        ({"openai": ProviderSettings(api_key="k", models=("x", "y"))}, "openai/x"),
        ({"openai": ProviderSettings(), "ai302": KEYED}, "ai302/gpt-4.1-mini"),
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
    assert (models.worst_case_micros(ask("openai/gpt-4.1-mini")) or 0) > 0


def test_prices_of_openai_are_not_believed_at_another_address() -> None:
    elsewhere = ProviderSettings(api_key="k", base_url="http://proxy.example/v1")
    assert gateway(openai=elsewhere).worst_case_micros(ask("openai/gpt-4.1-mini")) is None


def test_a_key_is_never_shown() -> None:
    settings = GatewaySettings(providers={"openai": ProviderSettings(api_key="sk-hidden")})
    assert "sk-hidden" not in repr(settings)
