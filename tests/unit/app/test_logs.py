"""No secret leaves through the log, whichever logger wrote it."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.app.logs import OurHandler, configure_logging, secrets_of
from flowmatik.app.models import model_routes
from flowmatik.app.settings import Settings, load_settings

KEY = "sk-abcdef-123456"
PASSWORD = "s3cret-word"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("[log]\nlevel = 'info'\n")
    url = f"postgresql://user:{PASSWORD}@host/db"
    return load_settings(tmp_path, {"FLOWMATIK_OPENAI_API_KEY": KEY, "FLOWMATIK_DATABASE_URL": url})


@pytest.fixture
def log(settings: Settings) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    level = logging.getLogger().level
    configure_logging(settings, stream)
    yield stream
    root = logging.getLogger()
    root.setLevel(level)
    for handler in [h for h in root.handlers if isinstance(h, OurHandler)]:
        root.removeHandler(handler)


def test_secrets_are_hidden_in_messages_fields_and_tracebacks(log: io.StringIO) -> None:
    logger = logging.getLogger("some.library")
    logger.info("calling with %s", KEY, extra={"header": f"Bearer {KEY}"})
    try:
        raise ValueError(f"password {PASSWORD} refused")
    except ValueError:
        logger.exception("failed")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert lines[0]["message"] == "calling with [hidden]"
    assert lines[0]["header"] == "Bearer [hidden]"
    assert "password [hidden] refused" in lines[1]["exception"]
    assert KEY not in log.getvalue()
    assert PASSWORD not in log.getvalue()


def test_configuring_twice_logs_once(log: io.StringIO, settings: Settings) -> None:
    configure_logging(settings, log)
    logging.getLogger("x").warning("one")
    assert len(log.getvalue().splitlines()) == 1


def test_every_key_of_a_provider_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("")
    kinds = ("API_KEY", "ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN")
    environment = {f"FLOWMATIK_BEDROCK_{kind}": f"value-of-{kind}" for kind in kinds}
    settings = load_settings(tmp_path, {**environment, "FLOWMATIK_BEDROCK_REGION": "eu-west-1"})
    assert set(environment.values()) <= set(secrets_of(settings))
    assert not any(value in repr(settings) for value in environment.values())


MODELS = """
model_list:
  - {model_name: fast, model: mine/one, base_url: http://127.0.0.1:9/v1, api_key: "env:KEY_OF_MINE"}
  - {model_name: fast, model: mine/two, base_url: http://127.0.0.1:9/v1, api_key: "file:two.key"}
"""


def test_keys_of_the_model_list_are_hidden_as_soon_as_they_are_known(
    tmp_path: Path, settings: Settings, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_MINE", "kanarieUmgebung1")
    (tmp_path / "two.key").write_text("kanarieDatei2\n")
    (tmp_path / "models.yaml").write_text(MODELS)
    assert model_routes(settings) is not None
    logging.getLogger("some.library").info("sent kanarieUmgebung1 and kanarieDatei2 to %s", KEY)
    [line] = log.getvalue().splitlines()
    assert json.loads(line)["message"] == "sent [hidden] and [hidden] to [hidden]"


@pytest.mark.parametrize("library", ["openai", "anthropic", "groq", "httpx2", "google_genai"])
def test_libraries_do_not_say_what_models_are_asked_even_at_the_debug_level(
    tmp_path: Path, log: io.StringIO, library: str
) -> None:
    del log
    told = load_settings(tmp_path, {"FLOWMATIK_LOG_LEVEL": "debug"})
    configure_logging(told, stream := io.StringIO())
    logging.getLogger(f"{library}._base_client").debug("Request options: all that was asked")
    assert stream.getvalue() == ""
