"""Which model serves, by the settings."""

from pathlib import Path

import pytest

from flowmatik.app.models import open_gateway
from flowmatik.app.settings import load_settings
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.kernel.clock import SystemClock


@pytest.mark.parametrize(
    ("environment", "provider"),
    [
        ({}, "local"),
        ({"FLOWMATIK_OPENAI_API_KEY": "k1"}, "openai"),
        ({"FLOWMATIK_302AI_API_KEY": "k1"}, "ai302"),
        ({"FLOWMATIK_MODEL_BASE_URL": "http://h/v1", "FLOWMATIK_MODEL": "m"}, "custom"),
        ({"FLOWMATIK_OPENAI_API_KEY": "k1", "FLOWMATIK_MODEL": "local/extractive"}, "local"),
    ],
)
async def test_the_default_model_follows_the_settings(
    environment: dict[str, str], provider: str, tmp_path: Path
) -> None:
    (tmp_path / "flowmatik.toml").write_text("")
    gateway = open_gateway(load_settings(tmp_path, environment), SystemClock())
    chosen, _, name = gateway.default_model().partition("/")
    assert chosen == provider
    assert name
    await gateway.close()


async def test_a_price_of_the_settings_bounds_a_call_and_no_price_does_not(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[prices]\n'custom/m' = { input = 1, output = 1 }\n")
    environment = {"FLOWMATIK_MODEL_BASE_URL": "http://h/v1", "FLOWMATIK_MODEL": "m"}
    gateway = open_gateway(load_settings(tmp_path, environment), SystemClock())
    messages = (Message(role="user", content="hello"),)
    priced = gateway.worst_case_micros(ModelRequest(model="custom/m", messages=messages))
    assert priced is not None
    assert priced > 0
    assert gateway.worst_case_micros(ModelRequest(model="custom/other", messages=messages)) is None
    await gateway.close()
