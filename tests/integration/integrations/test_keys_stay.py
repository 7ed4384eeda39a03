"""Keys go to the address that they were set for, and what the environment has for others goes nowhere."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.testing.clock import SkippingClock
from tests.integration.integrations.support import KEY
from tests.integration.integrations.test_vendors import ask

OTHERS = "of-the-environment-1"
VARIABLES = (
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
)


PROVIDERS = ("anthropic", "azure", "google", "groq", "mistral", "openai", "openrouter")


class Ear(ThreadingHTTPServer):
    """Refuses everything, or sends it `away`, and keeps the headers."""

    away = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Heard)
        self.heard: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Heard(BaseHTTPRequestHandler):
    @property
    def ear(self) -> Ear:
        assert isinstance(self.server, Ear)
        return self.server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.ear.heard.append(str(self.headers))
        body = b'{"error": {"message": "no"}}'
        self.send_response(307 if self.ear.away else 400)
        if self.ear.away:
            self.send_header("location", f"{self.ear.away}/elsewhere")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@contextmanager
def ear() -> Generator[Ear]:
    with Ear() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join(timeout=120)


async def refused(provider: str, base_url: str, key: str) -> None:
    settings = ProviderSettings(base_url=base_url, api_key=key)
    chosen = GatewaySettings(providers={provider: settings}, default_model="local/extractive")
    gateway = Gateway(chosen, SkippingClock())
    try:
        with pytest.raises(FlowmatikError):
            await gateway.complete(ask(provider))
    finally:
        await gateway.close()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_redirect_does_not_take_the_key_along(provider: str) -> None:
    with ear() as other, ear() as server:
        server.away = other.address
        await refused(provider, server.address, KEY)
    assert KEY in server.heard[0]
    assert KEY not in str(other.heard)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_the_environment_has_for_others_is_sent_to_no_address_of_ones_own(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, OTHERS)
    with ear() as server:
        await refused(provider, server.address, KEY)
        await refused(provider, server.address, "")  # some send nothing then
    assert KEY in server.heard[0]
    assert OTHERS not in str(server.heard)
