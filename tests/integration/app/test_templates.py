"""Templates over HTTP and on the command line, on a home and through a server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import environment, make_home
from tests.e2e.serving import up
from tests.e2e.within import flowmatik
from tests.integration.app.test_agent_channels import READER, WRITER, caller, platform
from tests.unit.agents.test_templates import GOOD

__all__ = ["platform"]
SHIPPED = ["company-support", "domain-translator", "field-extractor", "specialist"]


async def test_templates_over_http_with_scopes_and_faults(platform: Any) -> None:
    async with caller(platform, "default", READER, WRITER) as client:
        assert [one["name"] for one in (await client.get("/v1/templates")).json()["items"]] == SHIPPED
        assert (await client.post("/v1/templates", json={"text": GOOD})).json()["name"] == "reader"
        wrong = await client.post("/v1/templates", json={"text": GOOD.replace("calculate", "teleport")})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "input.profile")
        values = {"parameters": {"name": "tides", "topic": "tides", "count": 2}}
        text = (await client.post("/v1/templates/reader/render", json=values)).json()["text"]
        assert "brief tone, 2 times" in text
        made = await client.post("/v1/templates/reader/agents", json={**values, "channel": "draft"})
        assert (made.status_code, made.json()["name"]) == (201, "tides")
        bad = await client.post("/v1/templates/reader/render", json={"parameters": {"name": "x", "y": "z"}})
        assert (bad.status_code, bad.json()["code"]) == (422, "input.template_parameters")
        assert {one.partition(":")[0] for one in bad.json()["errors"]} == {"topic", "y"}, bad.text
        assert (await client.get("/v1/templates/nowhere")).status_code == 404
    async with caller(platform, "default", READER) as client:
        assert (await client.post("/v1/templates", json={"text": GOOD})).status_code == 403
        assert (await client.post("/v1/templates/reader/agents", json=values)).status_code == 403
    async with caller(platform, "acme", READER) as client:
        assert (await client.get("/v1/templates/reader")).status_code == 404


@pytest.mark.parametrize("by_address", [False, True], ids=["home", "url"])
def test_the_commands_do_the_same_on_a_home_and_through_a_server(tmp_path: Path, by_address: bool) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    env = environment(FLOWMATIK_EMBEDDINGS="false")
    if not by_address:
        _commands(tmp_path, env, "--home", str(home))
        return
    with up(home, env) as server:
        token = server.headers["Authorization"].removeprefix("Bearer ")
        _commands(tmp_path, env, "--url", server.url, "--api-key", token)


def _commands(folder: Path, env: dict[str, str], *where: str) -> None:
    def said(*arguments: str, code: int = 0) -> Any:
        done = flowmatik(*where, "--json", *arguments, env=env)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout)

    (folder / "t.yaml").write_text(GOOD)
    assert said("templates", "apply", str(folder / "t.yaml"))["name"] == "reader"
    values = ("--param", "name=tides", "--param", "topic=the tides = water")
    assert "about the tides = water" in said("templates", "render", "reader", *values)["text"]
    agent = said("templates", "render", "reader", *values, "--apply", "--channel", "draft", "--reason", "try")
    origin = said("agents", "versions", "tides")["versions"][0]["origin"]
    assert (agent["name"], origin["kind"], origin["template"][:7]) == ("tides", "template", "reader@")
    fault = said("templates", "render", "reader", "--param", "name=tides", code=2)
    assert fault["code"] == "input.template_parameters"
    assert said("templates", "render", "reader", "--param", "name", code=2)["code"] == "input.param"
    assert said("templates", "show", "nowhere", code=3)["code"] == "not_found.template"
    done = flowmatik(*where, "--lang", "es", "templates", "render", "reader", "--param", "topic=x", env=env)
    assert (done.returncode, "name: falta; indícalo" in done.stderr) == (2, True), done.stderr
