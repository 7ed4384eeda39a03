"""Alerts reach webhooks: signed, once each, again when they are not taken, and into no private network unless
that is said."""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from flowmatik.app.alerts import said
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.alerts import MOST_ATTEMPTS, MOST_HOOKS, NewAlertHook
from flowmatik.contracts.budgets import ALERT_EVENT, Budget
from flowmatik.contracts.database import Database
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.contracts.paid_calls import spender_in
from flowmatik.integrations.alerts import Heard, HookStore, Openings, Sender, StoredAlertHooks
from flowmatik.integrations.alerts.store import PAUSES
from flowmatik.integrations.routing.sharing import ALONE, Change
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound
from flowmatik.kernel.events import CloudEvent
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_plans import Served
from tests.unit.core.engines import eventually
from tests.unit.integrations.layers.support import HandClock

KEY = b"a key of thirty-two bytes, or so"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
REFERENCE = "env:ALERTS_SIGNING"


class Receiver:
    """Keeps what is posted to it, and answers with `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("ALERTS_SIGNING", SECRET)
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        yield Served(platform, server.url, read_local_token(settings))


def here(receiver: Receiver, **more: Any) -> NewAlertHook:
    return NewAlertHook(url=receiver.url, secret=REFERENCE, allow_private=True, **more)


def is_signed(headers: dict[str, str], body: bytes, key: bytes = KEY) -> bool:
    """As whoever gets one is to look at it."""
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mine = base64.b64encode(hmac.new(key, text, sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{mine}")


async def test_a_budget_at_its_threshold_is_told_once_and_signed(
    served: Served, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("alerts", "hooks", "add", receiver.url, "--secret", REFERENCE, "--allow-private")
    code, hook = await served.command(capsys, *words, "--kind", "budget", "--language", "es")
    assert (code, hook["kinds"], hook["secret"]) == (0, ["budget"], REFERENCE)
    await served.platform.budgets.put(
        "default", Budget(scope="workspace", limit_micros=100, thresholds=(50, 100))
    )
    journal = served.platform.journal
    await journal.allot("default", "run_x", 1, {"workspace": 60})

    async def told() -> bool:
        return len(receiver.got) > 0

    await eventually(told, 60)
    headers, body = receiver.got[0]
    assert is_signed(headers, body)
    assert not is_signed(headers, body + b" ")
    said_now = receiver.said[0]
    assert (said_now["type"], said_now["data"]["threshold"], said_now["id"]) == (
        ALERT_EVENT,
        50,
        headers["webhook-id"],
    )
    assert said_now["text"] == said_now["texts"]["es"]
    assert "50 %" in said_now["texts"]["en"]
    await journal.allot("default", "run_x", 2, {"workspace": 10})  # still at the same threshold
    code, listed = await served.command(capsys, "alerts", "hooks", "deliveries", hook["id"])
    assert [(one["state"], one["attempts"], one["status"]) for one in listed["items"]] == [("told", 1, 204)]
    code, tested = await served.command(capsys, "alerts", "hooks", "test", hook["id"])
    assert (code, tested["ok"], tested["status"]) == (0, True, 204)
    assert len(receiver.got) == 2
    code, gone = await served.command(capsys, "alerts", "hooks", "remove", hook["id"])
    assert (code, gone["removed"]) == (0, True)
    code, none = await served.command(capsys, "alerts", "hooks", "list")
    assert (code, none["items"]) == (0, [])
    assert SECRET not in json.dumps([hook, listed, tested])


class Kept:
    """Hooks over a store of their own, with a clock that is moved by hand."""

    def __init__(self, database: Database, everywhere: Database) -> None:
        self.clock = HandClock()
        self.store = HookStore(database, everywhere, self.clock)
        sender = Sender(http=_open, value_of=lambda reference: SECRET, say=said, clock=self.clock)
        self.hooks = StoredAlertHooks(self.store, sender, self.clock)

    def alert(self, number: int = 1, workspace_id: str = "w") -> CloudEvent:
        data = {
            "scope": "workspace",
            "period": "",
            "threshold": 100,
            "limit_micros": 10**6,
            "used_micros": 1_200_000,
            "soft": False,
            "currency": "USD",
        }
        return CloudEvent(
            id=f"budget:{number}",
            source="/budgets",
            type=ALERT_EVENT,
            time=self.clock.now().isoformat(),
            subject="workspace",
            workspace_id=workspace_id,
            data=data,
        )


def _open(private: bool) -> httpx.AsyncClient:
    from flowmatik.agents.outbound import outbound_client

    return outbound_client(private=private, seconds=10)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    await upgrade(str(tmp_path / "journal.db"))
    store = SqliteStore(str(tmp_path / "journal.db"))
    yield Kept(SqliteDatabase(store), SqliteDatabase(store))
    await store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    dsn: str = request.getfixturevalue("pg_database")
    return dsn


@pytest.fixture
async def stored(target: str) -> AsyncIterator[Kept]:
    """On PostgreSQL as the roles that serve callers and that keep house."""
    await upgrade(target)
    if not target.startswith("postgresql"):
        store = SqliteStore(target)
        yield Kept(SqliteDatabase(store), SqliteDatabase(store))
        await store.close()
        return
    api = await open_pool(target, role="flowmatik_api", max_size=2)
    engine = await open_pool(target, role="flowmatik_engine", max_size=2)
    yield Kept(PostgresDatabase(api), PostgresDatabase(engine))
    await api.close()
    await engine.close()


async def test_what_is_not_taken_is_sent_again_ever_later_and_then_given_up(
    stored: Kept, receiver: Receiver
) -> None:
    hook = await stored.hooks.add("w", here(receiver))
    receiver.status = 503
    await stored.hooks.hear(stored.alert())
    await stored.hooks.hear(stored.alert())  # the bus tells it again
    for n, pause in enumerate((*PAUSES, 10**6), start=1):
        await stored.hooks.tell()
        await stored.hooks.tell()  # not before its time
        assert len(receiver.got) == n
        stored.clock.jump(pause)
    await stored.hooks.tell()
    (one,) = await stored.hooks.deliveries("w", hook.id)
    assert (one.state, one.attempts, one.status, one.error) == ("failed", MOST_ATTEMPTS, 503, "alert.status")
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {"budget:1"}
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == MOST_ATTEMPTS
    assert all(is_signed(*one) for one in receiver.got)
    assert "used up (1.2 of 1 US dollars)" in receiver.said[0]["text"]


async def test_a_process_that_dies_over_an_alert_leaves_it_to_the_next(
    kept: Kept, receiver: Receiver
) -> None:
    await kept.hooks.add("w", here(receiver))
    await kept.hooks.hear(kept.alert())
    assert len(await kept.store.due(10)) == 1  # and it died
    await kept.hooks.tell()
    assert receiver.got == []
    kept.clock.jump(61)
    await kept.hooks.tell()
    assert len(receiver.got) == 1


async def test_what_was_told_is_not_told_again_when_it_is_heard_again(kept: Kept, receiver: Receiver) -> None:
    await kept.hooks.add("w", here(receiver))
    for _ in range(2):
        await kept.hooks.hear(kept.alert())
        await kept.hooks.tell()
    assert len(receiver.got) == 1
    kept.clock.jump(31 * 86_400)
    await kept.hooks.forget()
    assert await kept.hooks.deliveries("w", (await kept.hooks.list("w"))[0].id) == []


async def test_nobody_follows_an_answer_that_leads_elsewhere(kept: Kept, receiver: Receiver) -> None:
    hook = await kept.hooks.add("w", here(receiver))
    receiver.status = 307
    came = await kept.hooks.test("w", hook.id)
    assert (came.ok, came.status, came.error) == (False, 307, "alert.status")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]"])
async def test_a_private_network_is_closed_to_hooks_that_were_not_allowed_in(kept: Kept, host: str) -> None:
    hook = await kept.hooks.add("w", NewAlertHook(url=f"https://{host}/x", secret=REFERENCE))
    came = await kept.hooks.test("w", hook.id)
    assert (came.ok, came.error) == (False, "tool.private_address")
    assert host not in came.message


async def test_each_workspace_hears_its_own_budgets_and_all_hear_of_listed_deployments(
    stored: Kept, receiver: Receiver
) -> None:
    mine = await stored.hooks.add("w", here(receiver))
    theirs = await stored.hooks.add("v", here(receiver, kinds=("breaker",)))
    await stored.hooks.hear(stored.alert(workspace_id="v"))  # of which v does not want to hear
    await stored.hooks.hear(stored.alert(2))
    openings = Openings(stored.store, stored.clock)
    heard = Heard(ALONE, openings.opened)
    openings.start(lambda one: {"listed": ("x/m", None), "own": ("x/n", ("v",))}.get(one))
    for deployment in ("listed", "own", "unknown"):
        heard.told(deployment, Change(kind="open", seconds=5.2, opened=1))
        heard.told(deployment, Change(kind="open", seconds=9.0, opened=2))  # its probe failed: no news
        heard.told(deployment, Change(kind="closed"))
        heard.told(deployment, Change(kind="held", seconds=3.0))
    heard.told("listed", Change(kind="open", seconds=5.2, opened=1))  # again within five minutes

    async def noted() -> bool:
        return len(await stored.hooks.deliveries("v", theirs.id)) == 2

    await eventually(noted)
    await openings.stop()
    assert {one.subject for one in await stored.hooks.deliveries("w", mine.id)} == {"workspace", "listed"}
    assert {one.subject for one in await stored.hooks.deliveries("v", theirs.id)} == {"listed", "own"}
    await stored.hooks.tell()
    assert {one["workspaceid"] for one in receiver.said if one["subject"] == "listed"} == {"w", "v"}
    assert any("fails and is left alone for 5 s" in one["text"] for one in receiver.said)
    with suppress(NotFound):
        await stored.hooks.remove("w", theirs.id)
        raise AssertionError("another workspace's hook was removed")
    with pytest.raises(NotFound):
        await stored.hooks.test("w", theirs.id)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://example.com/x"}, "url"),
        ({"url": "https://me:secret@example.com/x"}, "url"),
        ({"url": "ftp://example.com/x"}, "url"),
        ({"url": "https://example.com/x#y"}, "url"),
        ({"url": "env:HOME"}, "url"),
        ({"url": "env:ALERTS_"}, "url"),
        ({"secret": "a secret in the open"}, "secret"),
        ({"secret": "env:OPENAI_API_KEY"}, "secret"),
        ({"secret": "env:ALERTS_A B"}, "secret"),
        ({"kinds": ()}, "kinds"),
        ({"kinds": ("budget", "budget")}, "kinds"),
        ({"kinds": ("runs",)}, "kinds"),
        ({"language": "fr"}, "language"),
    ],
)
async def test_a_hook_that_cannot_be_is_refused_without_a_word_of_what_was_given(
    kept: Kept, wrong: dict[str, Any], field: str
) -> None:
    good = NewAlertHook(url="https://example.com/x", secret=REFERENCE)
    with pytest.raises(InvalidInput) as caught:
        await kept.hooks.add("w", replace(good, **wrong))
    assert (caught.value.code, caught.value.context["field"]) == ("input.alert_hook", field)
    assert "secret in the open" not in str(caught.value)
    assert await kept.hooks.list("w") == []


async def test_a_workspace_has_so_many_hooks_and_no_more(kept: Kept, receiver: Receiver) -> None:
    for _ in range(MOST_HOOKS):
        await kept.hooks.add("w", here(receiver))
    with pytest.raises(Conflict):
        await kept.hooks.add("w", here(receiver))
    await kept.hooks.add("v", here(receiver))


async def test_the_remote_twin_does_what_is_done_here(served: Served, receiver: Receiver) -> None:
    backend = RemoteBackend(served.url, served.key)
    try:
        hook = await backend.alert_hooks.add("default", here(receiver, kinds=("breaker",)))
        assert await backend.alert_hooks.list("default") == (hook,)
        assert (await backend.alert_hooks.test("default", hook.id)).ok
        assert is_signed(*receiver.got[0])
        assert await backend.alert_hooks.deliveries("default", hook.id) == ()
        with pytest.raises(FlowmatikError):
            await backend.alert_hooks.add("default", replace(here(receiver), secret="none"))
        await backend.alert_hooks.remove("default", hook.id)
        with pytest.raises(NotFound):
            await backend.alert_hooks.remove("default", hook.id)
    finally:
        await backend.close()
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        assert (await client.get("/v1/alerts/hooks")).status_code == 401


async def test_a_provider_that_fails_opens_its_breaker_and_the_hook_hears_of_it(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_SIGNING", SECRET)
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    with OpenAIServer(Step(kind="error", status=500)) as model:
        (tmp_path / "models.yaml").write_text(
            "model_list:\n  - {model_name: frail, model: custom/scripted}\n"
            "breaker: {consecutive: 2, open_seconds: 30}\nrounds: 1\n"
        )
        named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
        async with open_platform(load_settings(tmp_path, named), recover_all=True) as platform:
            hook = await platform.alert_hooks.add("default", here(receiver))
            request = ModelRequest(
                model="frail", messages=(Message(role="user", content="x"),), workspace_id="default"
            )
            for _ in range(3):
                with suppress(FlowmatikError):
                    await platform.paid_calls.complete(spender_in("default"), request, "test")

            async def told() -> bool:
                return bool(receiver.got)

            await eventually(told, 60)
            (one,) = await platform.alert_hooks.deliveries("default", hook.id)
    assert (one.subject, receiver.said[0]["data"]["model"]) == ("frail:custom/scripted", "custom/scripted")
