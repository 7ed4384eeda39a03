"""/docs can be read on a machine without a network, in two languages."""

import json
import re
from html import escape
from pathlib import Path

import httpx
import pytest

from flowmatik.api.problems import titles
from tests.integration.api_apps import app_with

DESCRIBED = json.loads((Path(__file__).parents[3] / "schemas" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [
    (path, method, operation)
    for path, methods in DESCRIBED["paths"].items()
    for method, operation in methods.items()
]


async def reference(language: str) -> httpx.Response:
    app = app_with(upload_dir=Path("/nowhere"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/docs", headers={"Accept-Language": language})


@pytest.mark.parametrize("language", ["en", "es"])
async def test_the_page_asks_for_nothing_from_anywhere_and_runs_nothing(language: str) -> None:
    answer = await reference(language)
    assert answer.status_code == 200
    assert "//" not in answer.text, "an address of another machine, with or without its scheme"
    for fetched in ("<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "onload"):
        assert fetched not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "http" not in policy


@pytest.mark.parametrize("language", ["en", "es"])
async def test_every_route_is_there_with_its_parameters_schemas_and_a_call(language: str) -> None:
    text = (await reference(language)).text
    assert f'<html lang="{language}">' in text
    for path, method, operation in OPERATIONS:
        (section,) = re.findall(rf'<section id="{operation["operationId"]}">.*?</section>', text, re.DOTALL)
        assert f"{method}</span><code>{path}</code>" in section
        assert escape(titles(language)[f"docs_{operation['operationId']}"]) in section
        assert all(f"<code>{one['name']}</code>" in section for one in operation.get("parameters", []))
        assert "curl " in section
    for name in DESCRIBED["components"]["schemas"]:
        assert f'id="schema-{name}"' in text
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))


async def test_the_language_is_the_readers() -> None:
    spanish, english = (await reference("es-ES")).text, (await reference("fr")).text
    assert ("Inicia una ejecución" in spanish, "Start a run" in english) == (True, True)
    assert "Inicia una ejecución" not in english


async def test_a_call_can_be_copied_and_leaves_out_what_is_optional() -> None:
    text = (await reference("en")).text
    assert "-d &#x27;{&quot;goal&quot;: &quot;…&quot;}&#x27;" in text
    assert "$FLOWMATIK_URL/v1/runs/RUN_ID/cancel" in text
    assert "--data-urlencode &#x27;q=Q&#x27;" in text
