"""Budgets and teams over HTTP, on the command line of a home, and on that of a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.metrics import Metrics
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.security import Principal
from tests.e2e.cli import make_home
from tests.e2e.within import flowmatik
from tests.unit.core.engines import eventually

EURO = "[embeddings]\nenabled = false\n[budget]\ncurrency = 'eur'\nrate = 0.92\nrate_date = 2026-11-01\n"
NO_ALERTS: dict[str, Any] = {"items": [], "next": None, "currency": "USD"}


class Served:
    def __init__(self, platform: Platform, url: str, key: str, metrics: Metrics) -> None:
        self.platform, self.url, self.key, self.metrics = platform, url, key, metrics

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60) as client:
            return await client.request(method, path, json=body)

    async def command(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
        line = ["--url", self.url, "--api-key", self.key, "--json", "--lang", "en", *words]
        capsys.readouterr()
        code = await asyncio.to_thread(run_cli, line)
        said = capsys.readouterr().out.splitlines()
        return code, json.loads(said[-1]) if said else None


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text(EURO)
    settings, metrics = load_settings(tmp_path, {}), Metrics()
    async with (
        open_platform(settings, recover_all=True, bus_users=(metrics.subscribe,)) as platform,
        serve_platform(platform, host="127.0.0.1", port=0, metrics=metrics) as server,
    ):
        yield Served(platform, server.url, read_local_token(settings), metrics)


async def test_a_budget_is_set_shown_and_lifted_over_http(served: Served) -> None:
    put = await served.ask("PUT", "/v1/budgets/workspace%2Fday", {"limit_usd": 0.1, "thresholds": [10]})
    assert (put.status_code, put.json()["limit_micros"]) == (200, 100_000)
    await served.ask("PUT", "/v1/budgets/user:local", {"limit_usd": "2.000001", "soft": True})
    listed = (await served.ask("GET", "/v1/budgets")).json()
    assert listed["display"] == {"currency": "EUR", "rate": "0.92", "as_of": "2026-11-01"}
    assert [(one["scope"], one["limit_micros"], one["soft"]) for one in listed["items"]] == [
        ("user:local", 2_000_001, True),
        ("workspace/day", 100_000, False),
    ]
    assert (await served.ask("GET", "/v1/budgets/workspace/day")).json()["left_micros"] == 100_000
    assert (await served.ask("DELETE", "/v1/budgets/workspace/day")).status_code == 204
    gone = await served.ask("GET", "/v1/budgets/workspace/day")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found.budget")


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        ("workspace", {"limit_usd": 0.0000001}),
        ("workspace", {"limit_usd": -1}),
        ("workspace", {"limit_usd": "much"}),
        ("workspace", {"limit_usd": 1, "hard": True}),
        ("workspace", {"limit_usd": 1, "thresholds": [0]}),
        ("workspace", {}),
        ("week", {"limit_usd": 1}),
        ("month", {"limit_usd": 1}),
    ],
)
async def test_what_is_no_budget_is_refused_over_http(served: Served, scope: str, body: Any) -> None:
    answer = await served.ask("PUT", f"/v1/budgets/{scope}", body)
    assert answer.status_code == 422 or answer.status_code == 400
    assert (await served.ask("GET", "/v1/budgets")).json()["items"] == []


async def test_budgets_and_teams_are_for_administrators(served: Served) -> None:
    admin = Principal(id="local", name="", workspace_id="default", scopes=frozenset({"admin"}))
    key = await served.platform.identity.create_key(admin, "clerk", ("runs:write", "runs:read"))
    for method, path, body in (
        ("GET", "/v1/budgets", None),
        ("GET", "/v1/budgets/alerts", None),
        ("PUT", "/v1/budgets/workspace", {"limit_usd": 1}),
        ("DELETE", "/v1/budgets/workspace", None),
        ("GET", "/v1/teams", None),
        ("PUT", "/v1/teams/a/members/local", None),
    ):
        assert (await served.ask(method, path, body, key.secret)).status_code == 403


async def test_an_alert_is_in_the_list_and_in_the_metrics(served: Served) -> None:
    await served.ask("PUT", "/v1/teams/sales/members/local")
    put = await served.ask("PUT", "/v1/budgets/team:sales", {"limit_usd": 1, "thresholds": [50]})
    assert put.status_code == 200
    await served.platform.journal.allot("default", "run_1", 1, {"team:sales": 500_000})
    (alert,) = (await served.ask("GET", "/v1/budgets/alerts?scope=team:sales")).json()["items"]
    assert (alert["threshold"], alert["used_micros"], alert["period"]) == (50, 500_000, "")

    async def counted() -> bool:
        return b'flowmatik_budget_alerts_total{kind="team",threshold="50"} 1.0' in served.metrics.text()

    await eventually(counted, 120)


async def test_the_command_line_of_a_server_does_the_same(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    code, put = await served.command(
        capsys, "budgets", "set", "provider:openai/day", "0.000001", "--at", "90"
    )
    assert (code, put["limit_micros"], put["thresholds"]) == (0, 1, [90])
    assert (await served.command(capsys, "teams", "add", "sales", "local"))[0] == 0
    assert (await served.command(capsys, "teams", "list"))[1]["items"][0]["team"] == "sales"
    listed = (await served.command(capsys, "budgets", "list"))[1]
    assert (listed["currency"], listed["display"]["currency"]) == ("USD", "EUR")
    assert (await served.command(capsys, "budgets", "alerts"))[1] == NO_ALERTS
    assert (await served.command(capsys, "budgets", "show", "provider:openai/day"))[1] == put
    assert (await served.command(capsys, "budgets", "lift", "provider:openai/day"))[0] == 0
    assert (await served.command(capsys, "budgets", "lift", "provider:openai/day"))[0] == 3
    assert (await served.command(capsys, "teams", "remove", "sales", "local"))[0] == 0
    assert (await served.command(capsys, "teams", "remove", "sales", "local"))[0] == 3


def test_a_home_says_its_budgets_in_both_languages(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    toml = home / "flowmatik.toml"
    euro = "[budget]\ncurrency = 'EUR'\nrate = '0.5'\nrate_date = '2026-11-01'\n"
    toml.write_text(toml.read_text().replace("[budget]\n", euro))

    def said(*words: str, lang: str = "en") -> tuple[int, str]:
        done = flowmatik("--home", str(home), "--lang", lang, *words)
        return done.returncode, done.stdout + done.stderr

    assert said("budgets", "list") == (0, "No budgets: runs may cost what they cost.\n")
    assert said("budgets", "set", "user:local/month", "12.5", "--soft")[0] == 0
    code, table = said("budgets", "list", lang="es")
    assert code == 0
    for part in ("user:local/month (local)", "avisa", "12.5", "6.25", "1 USD = 0.5 EUR", "2026-11-01"):
        assert part in table
    for words in (["workspace", "0.0000001"], ["workspace", "x"], ["user:nobody", "1"], ["week", "1"]):
        assert said("budgets", "set", *words)[0] in (2, 3)
    assert "nobody" in said("budgets", "set", "user:nobody", "1")[1]
    assert said("budgets", "alerts", lang="es") == (0, "Ningún presupuesto ha llegado a un umbral.\n")
    assert said("teams", "list") == (0, "No teams.\n")
