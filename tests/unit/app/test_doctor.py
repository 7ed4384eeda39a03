"""The doctor names what is wrong and how to mend it; nothing is faked but the place it looks at."""

import asyncio
import importlib.util
import inspect
import re
import socket
from contextlib import closing
from pathlib import Path

import pytest

from flowmatik.app import (
    doctor,
    doctor_blobs,
    doctor_indexes,
    doctor_local,
    doctor_memory,
    doctor_models,
    doctor_providers,
    doctor_redis,
    doctor_server,
    doctor_skills,
    doctor_tools,
)
from flowmatik.app.provider_settings import PROVIDERS
from flowmatik.app.settings import Provider, load_settings
from flowmatik.app.texts import Texts, load_texts
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.migrate import upgrade


def home(tmp_path: Path) -> Path:
    (tmp_path / "flowmatik.toml").write_text("")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return tmp_path


def by_check(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {finding.check: finding for finding in findings}


async def test_a_home_without_schema_is_told_to_migrate_and_is_well_after_it(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    before = by_check(await doctor.examine(settings))
    assert (before["schema"].ok, before["schema"].mend) == (False, "doctor.schema.mend")
    await upgrade(settings.data / "journal.db")
    after = await doctor.examine(settings)
    assert all(finding.ok for finding in after)


async def test_a_data_folder_open_to_others_is_a_fault(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    settings.data.chmod(0o755)
    finding = doctor.check_home(settings)
    assert not finding.ok
    assert "chmod 700" in Texts("en")(finding.mend, **finding.values)


async def test_a_file_that_is_no_database_is_a_store_that_does_not_answer(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    (settings.data / "journal.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    (finding,) = await doctor.check_store(settings)
    assert (finding.check, finding.ok, finding.mend) == ("store", False, "doctor.store.damaged")
    assert "is damaged" in Texts("en")(finding.detail, **finding.values)


async def test_a_database_server_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    url = f"postgresql://u:secret@127.0.0.1:{_closed_port()}/d"
    settings = load_settings(home(tmp_path), {"FLOWMATIK_DATABASE_URL": url})
    (finding,) = await doctor.check_store(settings)
    assert not finding.ok
    assert "secret" not in Texts("en")(finding.detail, **finding.values)


async def test_a_schema_that_is_newer_is_told_to_use_the_newer_program(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    await upgrade(settings.data / "journal.db")
    with closing(connect(settings.data / "journal.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    finding = by_check(await doctor.check_store(settings))["schema"]
    assert (finding.ok, finding.mend) == (False, "doctor.schema.newer_mend")
    said = Texts("en")(finding.detail, **finding.values) + Texts("en")(finding.mend, **finding.values)
    assert "9999" in said
    assert "migrate" not in said
    with pytest.raises(ConfigurationError, match="Use that version"):  # what the old advice led to
        await upgrade(settings.data / "journal.db")


async def test_a_schema_that_is_older_is_told_to_migrate(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    await upgrade(settings.data / "journal.db")
    with closing(connect(settings.data / "journal.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    finding = by_check(await doctor.check_store(settings))["schema"]
    assert (finding.ok, finding.mend) == (False, "doctor.schema.mend")


async def test_a_provider_that_cannot_be_reached_is_a_fault_without_its_key() -> None:
    provider = Provider(id="custom", base_url=f"http://127.0.0.1:{_closed_port()}", api_key="sk-hidden")
    finding = await doctor.check_provider(provider)
    assert not finding.ok
    assert "sk-hidden" not in Texts("es")(finding.detail, **finding.values)


@pytest.mark.parametrize(("status", "ok"), [(b"200 OK", True), (b"401 Unauthorized", False)])
async def test_a_provider_is_asked_with_its_key(status: bytes, ok: bool) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = Provider(id="custom", base_url=f"http://127.0.0.1:{port}/v1", api_key="k1")
        assert (await doctor.check_provider(provider)).ok is ok
    assert asked[0].startswith(b"GET /v1/models ")
    assert b"Authorization: Bearer k1" in asked[0]


@pytest.mark.parametrize("listing", [b"404 Not Found", b"405 Method Not Allowed", b"501 Not Implemented"])
@pytest.mark.parametrize(
    ("asking", "detail"),
    [
        (b"400 Bad Request", "doctor.provider.unlisted"),
        (b"422 Unprocessable Content", "doctor.provider.unlisted"),
        (b"401 Unauthorized", "doctor.provider.key"),
        (b"404 Not Found", "doctor.provider.failed"),
        (b"503 Service Unavailable", "doctor.provider.failed"),
    ],
)
async def test_a_provider_without_a_list_of_models_is_asked_where_it_answers(
    listing: bytes, asking: bytes, detail: str
) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b"\r\n")[0])
        status = listing if head.startswith(b"GET") else asking
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = Provider(id="custom", base_url=f"http://127.0.0.1:{port}/v1", api_key="k1")
        finding = await doctor.check_provider(provider, "custom/m")
    assert (finding.detail, finding.ok) == (detail, detail == "doctor.provider.unlisted")
    assert asked == [b"GET /v1/models HTTP/1.1", b"POST /v1/chat/completions HTTP/1.1"]


def test_too_little_disk_is_a_fault(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    assert doctor.check_disk(settings, needed_mb=1).ok
    assert not doctor.check_disk(settings, needed_mb=10**12).ok


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.0", False),
        ("3.50.7", True),
        ("3.51.1", False),
        ("3.51.3", True),
        ("3.54.0", True),
    ],
)
def test_the_sqlite_fix_is_known_by_version(version: str, fixed: bool) -> None:
    assert doctor.has_checkpoint_fix(version) is fixed


def test_every_text_of_the_doctor_exists_and_is_used() -> None:
    parts = (
        doctor,
        doctor_blobs,
        doctor_memory,
        doctor_providers,
        doctor_models,
        doctor_local,
        doctor_redis,
        doctor_server,
        doctor_skills,
        doctor_indexes,
        doctor_tools,
    )
    code = "".join(inspect.getsource(part) for part in parts)
    named = set(re.findall(r'"(doctor\.[a-z_.]+)"', code))
    checks = {f"doctor.{name}" for name in re.findall(r'check="([a-z]+)"', code)}
    texts = {key for key in load_texts("en") if key.startswith("doctor.")}
    assert named | checks == texts


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("name", [one.id for one in PROVIDERS if one.id != "bedrock"])
async def test_every_provider_is_asked_for_its_models_in_its_own_way(name: str) -> None:
    """Where it lists them, and in which header it wants the key."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = Provider(id=name, base_url=f"http://127.0.0.1:{port}", api_key="k1")
        assert (await doctor.check_provider(provider)).ok
    line, _, headers = seen[0].partition("\r\n")
    path = {"google": "/v1beta/models", "groq": "/openai/v1/models", "azure": "/openai/v1/models"}
    key = {"google": "x-goog-api-key: k1", "anthropic": "x-api-key: k1", "azure": "api-key: k1"}
    assert line.split()[1] == path.get(name, "/v1/models")
    assert key.get(name, "authorization: bearer k1") in headers


async def test_a_provider_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        return None if name == "anthropic" else hidden(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    finding = await doctor.check_provider(Provider(id="anthropic", base_url="http://h", api_key="k1"))
    assert (finding.ok, finding.values["extra"]) == (False, "anthropic")


async def test_bedrock_is_not_asked() -> None:
    assert (await doctor.check_provider(Provider(id="bedrock", base_url="", api_key=""))).ok


async def test_a_model_list_is_looked_at(tmp_path: Path) -> None:
    settings = load_settings(home(tmp_path), {})
    assert await doctor_models.check_model_list(settings) == []
    settings.models_path.write_text(
        "model_list: [{model_name: fast, model: box/m, base_url: 'http://box/v1'}]"
    )
    (sound,) = await doctor_models.check_model_list(settings)
    assert (sound.ok, sound.values) == (True, {"count": 1, "names": "fast"})
    settings.models_path.write_text("model_list: [{model_name: local, model: box/m}]")
    (wrong,) = await doctor_models.check_model_list(settings)
    assert (wrong.ok, wrong.values["faults"]) == (False, 2)
    settings.models_path.write_text(
        "model_list: [{model_name: m, model: b/m, base_url: 'http://b', api_key: env:NO}]"
    )
    (keyless,) = await doctor_models.check_model_list(settings)
    assert (keyless.ok, keyless.values["faults"]) == (False, 1)
