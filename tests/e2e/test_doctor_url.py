"""The doctor asks a real server what can be seen from outside."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik import __version__
from flowmatik.testing.openai_server import OpenAIServer
from tests.e2e.cli import environment, flowmatik, make_home
from tests.e2e.serving import Server, up


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = make_home(tmp_path_factory.mktemp("doctor") / "home", "--no-examples")
    with up(home, environment()) as serving:
        yield serving


def examined(*arguments: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    done = flowmatik("doctor", "--json", *arguments)
    items = json.loads(done.stdout)["items"]
    return done.returncode, {item["check"]: (item["ok"], item["detail"]) for item in items}


def key_of(server: Server) -> str:
    return server.headers["Authorization"].removeprefix("Bearer ")


def test_a_server_that_is_well_is_said_to_be(server: Server) -> None:
    code, found = examined("--url", server.url, "--api-key", key_of(server))
    assert (code, list(found)) == (0, ["server", "version", "ready", "key"])
    assert all(ok for ok, _ in found.values())
    assert found["version"][1] == f"{__version__}, as here"


def test_a_wrong_key_is_a_fault_and_none_is_not_tried(server: Server, tmp_path: Path) -> None:
    code, found = examined("--url", server.url, "--api-key", "fmk_wrong_wrong_wrong")
    assert (code, found["key"][0], found["ready"][0]) == (6, False, True)
    code, found = examined("--url", server.url)
    assert (code, found["key"]) == (0, (True, "none given: not tried"))


def test_a_server_that_is_not_there_or_is_another_is_a_fault() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        code, found = examined("--url", f"http://127.0.0.1:{closed.getsockname()[1]}", "--api-key", "k")
    assert (code, list(found), found["server"][0]) == (6, ["server"], False)
    with OpenAIServer() as other:
        code, found = examined("--url", other.address, "--api-key", "k")
    assert (code, list(found), found["server"][0]) == (6, ["server"], False)
