"""Model servers on this machine, found where they listen by default, and the settings that use one.

Only loopback addresses are asked, past any proxy, all at once, for their list of models.
"""

import asyncio
import ipaddress
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import orjson

from flowmatik.kernel.errors import Conflict

SECONDS = 0.3
MOST_BYTES = 1024 * 1024
MOST_MODELS = 50
LONGEST_NAME = 200
PROVIDERS = {"Ollama": "ollama", "vLLM": "vllm"}  # they know which of their models cost nothing
CUSTOM = "custom"
MAKERS = {"library": "Ollama", "vllm": "vLLM", "llamacpp": "llama.cpp", "organization_owner": "LM Studio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAddress:
    """`name` is what listens there by default."""

    name: str
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """`models` may be empty: it has none yet."""

    name: str
    base_url: str
    models: tuple[str, ...]

    @property
    def provider(self) -> str:
        """Its id in the settings."""
        return PROVIDERS.get(self.name, CUSTOM)

    @property
    def model(self) -> str:
        """The first one's id in the settings, "" without any."""
        return f"{self.provider}/{self.models[0]}" if self.models else ""

    def lines(self) -> str:
        """For flowmatik.toml. What runs here costs nothing, and budgets must know that; of Ollama's models
        some run at Ollama's, which its provider tells apart."""
        name, url = orjson.dumps(self.model).decode(), orjson.dumps(self.base_url).decode()
        lines = f"[model]\ndefault = {name}\n\n[providers.{self.provider}]\nbase_url = {url}\n"
        return (
            lines if self.provider != CUSTOM else f"{lines}\n[prices]\n{name} = {{ input = 0, output = 0 }}\n"
        )


KNOWN: tuple[LocalAddress, ...] = (
    LocalAddress(name="Ollama", base_url="http://127.0.0.1:11434/v1"),
    LocalAddress(name="vLLM", base_url="http://127.0.0.1:8000/v1"),
    LocalAddress(name="llama.cpp", base_url="http://127.0.0.1:8080/v1"),
    LocalAddress(name="LM Studio", base_url="http://127.0.0.1:1234/v1"),
)


async def find_local_servers(addresses: Sequence[LocalAddress] | None = None) -> list[LocalServer]:
    """Those that answer within a third of a second, in the order of `addresses` (KNOWN)."""
    asked = [one for one in (KNOWN if addresses is None else addresses) if _is_here(one.base_url)]
    if not asked:
        return []
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
        found = await asyncio.gather(*(_ask(client, one) for one in asked))
    return [one for one in found if one is not None]


def use_local_server(settings_file: Path, server: LocalServer) -> None:
    """Writes its lines; comments stay. Blocking. Raises Conflict (`conflict.model_set`) where the file sets a
    default model, prices or a server of one's own already."""
    text = settings_file.read_text(encoding="utf-8")
    heads = [line.strip() for line in text.splitlines()]
    in_model = heads[heads.index("[model]") + 1 :] if "[model]" in heads else []
    until = next((n for n, line in enumerate(in_model) if line.startswith("[")), len(in_model))
    default_set = any(line.partition("=")[0].strip() == "default" for line in in_model[:until])
    if default_set or {line for line in server.lines().splitlines() if line.startswith("[p")} & {*heads}:
        raise Conflict(
            f"{settings_file.name} names a model, prices or a server already; add these lines yourself:\n"
            f"{server.lines()}",
            code="conflict.model_set",
            context={"file": settings_file.name, "lines": server.lines()},
        )
    head, _, rest = server.lines().partition("\n\n")
    if "[model]" in heads:
        lines = text.splitlines(keepends=True)
        lines.insert(heads.index("[model]") + 1, f"{head.splitlines()[1]}\n")
        text = "".join(lines)
    else:
        rest = f"{head}\n\n{rest}"
    fresh = settings_file.with_name(f".{settings_file.name}.new")  # half a file would pass for a whole one
    fresh.write_text(f"{text.rstrip()}\n\n{rest}", encoding="utf-8")
    fresh.chmod(stat.S_IMODE(settings_file.stat().st_mode))
    fresh.replace(settings_file)


def _is_here(base_url: str) -> bool:
    """Names are not looked up: what they stand for is not ours to say."""
    try:
        return ipaddress.ip_address(urlsplit(base_url).hostname or "").is_loopback
    except ValueError:
        return False


async def _ask(client: httpx.AsyncClient, address: LocalAddress) -> LocalServer | None:
    """None for nobody, for another program, and for one that is too slow."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(SECONDS),
            client.stream("GET", f"{address.base_url}/models", timeout=SECONDS) as answer,
        ):
            if answer.status_code != 200:
                return None
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    return None
        return _read(address, orjson.loads(bytes(body)))
    except (httpx.HTTPError, TimeoutError, ValueError):
        return None


def _read(address: LocalAddress, told: object) -> LocalServer | None:
    listed = cast("dict[str, object]", told).get("data") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        return None
    models = [cast("dict[str, Any]", one) for one in cast("list[object]", listed) if isinstance(one, dict)]
    named = [(str(one.get("id", "")), str(one.get("owned_by", ""))) for one in models[:MOST_MODELS]]
    sound = [(name, by) for name, by in named if name.isprintable() and 0 < len(name) <= LONGEST_NAME]
    makers = [MAKERS[by] for _, by in sound if by in MAKERS]
    return LocalServer(
        name=makers[0] if makers else address.name,
        base_url=address.base_url,
        models=tuple(name for name, _ in sound),
    )
