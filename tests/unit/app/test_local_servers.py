"""Model servers on this machine: found, told, and used; real ones, on ports of their own."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flowmatik.app import local_servers
from flowmatik.app.doctor_local import check_local_models
from flowmatik.app.local_servers import KNOWN, LocalAddress, LocalServer, find_local_servers, use_local_server
from flowmatik.app.settings import load_settings
from flowmatik.app.setup import prepare_home
from flowmatik.app.texts import Texts
from flowmatik.kernel.errors import Conflict
from flowmatik.testing.openai_server import OpenAIServer, Step

FOUND = LocalServer(name="Ollama", base_url="http://127.0.0.1:11434/v1", models=("llama3.2:3b", "other"))
ANY = LocalServer(name="LM Studio", base_url="http://127.0.0.1:1234/v1", models=("phi",))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Step()) as running:
        yield running


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def at(*urls: str) -> list[LocalAddress]:
    return [LocalAddress(name=f"place {n}", base_url=url) for n, url in enumerate(urls)]


def test_it_is_known_where_they_listen_and_that_is_here() -> None:
    assert [one.base_url.split(":")[2] for one in KNOWN] == ["11434/v1", "8000/v1", "8080/v1", "1234/v1"]
    assert all("//127.0.0.1:" in one.base_url for one in KNOWN)


async def test_who_answers_is_found_and_who_is_silent_or_gone_holds_nobody_up(
    server: OpenAIServer, silent: str
) -> None:
    with OpenAIServer(Step()) as other:
        gone = other.base_url
    found = await find_local_servers(at(gone, silent, server.base_url))
    assert found == [LocalServer(name="place 2", base_url=server.base_url, models=("scripted",))]


async def test_another_program_on_such_a_port_is_no_model_server(server: OpenAIServer) -> None:
    assert await find_local_servers(at(f"{server.address}/elsewhere", f"{server.address}/__calls")) == []


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1:11434/v1", "http://models.example/v1", "http://localhost.example/v1", "nonsense"],
)
async def test_nothing_beyond_this_machine_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object, **options: object) -> None:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(local_servers.httpx, "AsyncClient", never)
    assert await find_local_servers(at(url)) == []


async def test_no_proxy_is_told(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert await find_local_servers(at(server.base_url))


async def test_the_doctor_tells_of_them_and_how_to_use_one(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_home(tmp_path, "en")
    monkeypatch.setattr(local_servers, "KNOWN", tuple(at(server.base_url)))
    [finding] = await check_local_models(load_settings(tmp_path, {}))
    assert finding.ok
    told = Texts("es")(finding.mend, **finding.values)
    assert 'default = "custom/scripted"' in told
    port = urlsplit(server.base_url).port
    for used in (
        {"FLOWMATIK_MODEL_BASE_URL": server.base_url, "FLOWMATIK_MODEL": "scripted"},
        {"FLOWMATIK_OLLAMA_BASE_URL": f"http://localhost:{port}"},
    ):
        [finding] = await check_local_models(load_settings(tmp_path, used))
        assert finding.mend == "", "it is used already"


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_lines_make_a_fresh_home_use_it_and_its_comments_stay(language: str, tmp_path: Path) -> None:
    prepare_home(tmp_path, language)
    file = tmp_path / "flowmatik.toml"
    before, mode = file.read_text(), file.stat().st_mode
    use_local_server(file, FOUND)
    settings = load_settings(tmp_path, {})
    assert settings.model == "ollama/llama3.2:3b"
    assert [(one.id, one.base_url) for one in settings.providers] == [("ollama", FOUND.base_url)]
    assert settings.prices == (), "its provider knows what is free, and what of it runs elsewhere"
    assert {line for line in before.splitlines() if line} <= {*file.read_text().splitlines()}
    assert file.stat().st_mode == mode


def test_a_server_without_a_provider_of_its_own_is_used_at_the_price_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "flowmatik.toml"
    file.write_text("")
    use_local_server(file, ANY)
    settings = load_settings(tmp_path, {})
    assert settings.model == "custom/phi"
    [price] = settings.prices
    assert (price.model, price.input_usd, price.output_usd) == ("custom/phi", 0, 0)


@pytest.mark.parametrize(
    "given",
    ['[model]\ndefault = "openai/x"\n', "[prices]\n", '[providers.custom]\nbase_url = "http://x/v1"\n'],
)
def test_what_somebody_set_is_never_overwritten(given: str, tmp_path: Path) -> None:
    file = tmp_path / "flowmatik.toml"
    file.write_text(given)
    with pytest.raises(Conflict, match="add these lines yourself"):
        use_local_server(file, ANY)
    assert file.read_text() == given


def test_names_that_need_quoting_stay_whole(tmp_path: Path) -> None:
    file = tmp_path / "flowmatik.toml"
    file.write_text("")
    use_local_server(file, LocalServer(name="x", base_url=FOUND.base_url, models=('odd "name" \\ñ',)))
    assert load_settings(tmp_path, {}).model == 'custom/odd "name" \\ñ'
