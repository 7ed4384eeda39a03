"""A mailbox behind the small IMAP server: real TCP and TLS, moved and renumbered letters, faults."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flowmatik.kernel.errors import InvalidInput
from flowmatik.testing.imap_server import Fault, ImapServer, serving
from tests.contracts.sources.conftest import ME, Setting, W, counted
from tests.integration.memory.support import WordEmbedder

pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)


def box(context: ssl.SSLContext | None = None, *, starttls: bool = False) -> ImapServer:
    return ImapServer(user="ana", password="secret", context=context, starttls=starttls)


def letter(subject: str, text: str, *, attached: str = "", own_id: bool = True) -> bytes:
    message = EmailMessage()
    message["From"] = "Ana Ruiz <ana@example.org>"
    message["To"] = "birds@example.org"
    message["Subject"] = subject
    if own_id:
        message["Message-ID"] = f"<{abs(hash(subject))}@example.org>"
    message.set_content(text)
    if attached:
        message.add_attachment(attached.encode(), maintype="text", subtype="plain", filename="list.txt")
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@pytest.fixture
async def server(at: Setting) -> AsyncIterator[ImapServer]:
    at.secrets = {"env:SOURCE_MAIL": "secret"}
    one = box()
    one.folders["INBOX"].add(letter("Herons", "The heron wades.", attached="Grey heron"))
    one.folders["INBOX"].add(letter("Storks", "The stork claps."))
    async with serving(one) as running:
        yield running


async def mail(at: Setting, server: ImapServer, name: str = "docs", **more: object) -> None:
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": str(server.port),
        "tls": "none",
        "user": "ana",
        "password": "env:SOURCE_MAIL",
        "allow_private": "yes",
        "timeout_seconds": "20",
    }
    given = {key: value for key, value in {**settings, **more}.items() if value}
    await at.added("imap", name, **given)


async def test_letters_are_documents_and_their_attachments_are_parts(
    at: Setting, server: ImapServer, embedder: WordEmbedder
) -> None:
    await mail(at, server)
    assert counted(await at.synced()) == {"added": 2}
    assert await at.names() == {
        "docs/INBOX/1-1.eml",
        "docs/INBOX/1-1.eml/list.txt",
        "docs/INBOX/1-2.eml",
    }
    (one,) = [one for one in await at.memory.documents(W) if one.source.endswith("1-2.eml")]
    assert (one.metadata["subject"], one.metadata["author"]) == ("Storks", "Ana Ruiz <ana@example.org>")
    assert one.dated.startswith("2024-03-01")
    embedded, server.fetched[:] = len(embedder.calls), []
    server.folders["INBOX"].add(letter("Bitterns", "The bittern booms.", own_id=False))
    del server.folders["INBOX"].letters[2]
    server.commands.clear()
    assert counted(await at.synced()) == {"added": 1, "deleted": 1}
    assert server.fetched == [3]
    assert not [one for one in server.commands if one.startswith("UID FETCH 1")]
    assert len(embedder.calls) == embedded + 1
    assert counted(await at.synced()) == {}
    assert not [one for one in server.commands if one.startswith(("SELECT", "STORE"))]


async def test_moved_and_renumbered_letters_are_not_fetched_again(
    at: Setting, server: ImapServer, embedder: WordEmbedder
) -> None:
    await mail(at, server, folders=["INBOX", "A*"])
    archive = server.folder("Archivo.Garc&AO0-as")
    server.folder("Aspam", flags="\\Junk").add(letter("Win", "Win a heron."))
    server.folder("Aclosed", flags="\\Noselect")
    assert counted(await at.synced()) == {"added": 2}
    embedded, server.fetched[:] = len(embedder.calls), []
    server.folders["INBOX"].move(1, archive)
    assert counted(await at.synced()) == {"moved": 1}
    assert "docs/Archivo/Garcías/1-1.eml/list.txt" in await at.names()
    server.folders["INBOX"].renumber()
    assert counted(await at.synced()) == {"moved": 1}
    assert "docs/INBOX/2-100.eml" in await at.names()
    assert (server.fetched, len(embedder.calls)) == ([], embedded)
    del server.folders["Archivo.Garc&AO0-as"]
    assert counted(await at.synced()) == {"deleted": 1}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut", "ended the connection"),
        ("bye", "ended the connection"),
        ("huge", "more than it said"),
        ("silent", "took more than 1 seconds"),
        ("gibberish", ""),
    ],
)
async def test_a_server_that_fails_deletes_nothing_and_is_gone_on_with(
    at: Setting, server: ImapServer, fault: Fault, said: str
) -> None:
    await mail(at, server, timeout_seconds="1" if fault == "silent" else "20")
    await at.synced()
    server.folders["INBOX"].add(letter("Bitterns", "The bittern booms."))
    server.fault = fault
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    assert said in report.reason
    assert "night" not in report.reason
    assert len(await at.names()) == 3
    server.fault = ""
    assert counted(await at.synced()) == {"added": 1}


async def test_a_wrong_password_is_never_told_and_a_pattern_without_folders_deletes_nothing(
    at: Setting, server: ImapServer
) -> None:
    await mail(at, server)
    await at.synced()
    for plain in (True, False):
        server.plain = plain
        at.secrets = {"env:SOURCE_MAIL": "hunter2"}
        report = await at.synced()
        assert "refuses the user 'ana'" in report.reason
        assert "hunter2" not in report.reason + repr(report.values)
        server.password = 'pass "word" \\ñ' if plain else 'pass "word" \\n'
        at.secrets = {"env:SOURCE_MAIL": server.password}
        assert (await at.synced()).status == "done"
    at.secrets = {"env:SOURCE_MAIL": "x\r\nA1 DELETE INBOX"}
    assert "signs that none can have" in (await at.synced()).reason
    await mail(at, server, "none", folders="Nope*")
    server.password = "secret"
    at.secrets = {"env:SOURCE_MAIL": "secret"}
    assert "no folder Nope*" in (await at.synced("none")).reason
    assert len(await at.names()) == 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """For this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem, private = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_over_tls_the_servers_certificate_is_checked(
    at: Setting, certificate: tuple[Path, ssl.SSLContext], tls: str
) -> None:
    authority, context = certificate
    at.secrets = {"env:SOURCE_MAIL": "secret"}
    one = box(context, starttls=tls == "starttls")
    one.folders["INBOX"].add(letter("Herons", "The heron wades."))
    async with serving(one) as running:
        await mail(at, running, "unknown", tls=tls)
        assert (await at.synced("unknown")).code == "unavailable.source"
        assert "LOGIN" not in one.commands
        assert "AUTHENTICATE" not in one.commands
        await mail(at, running, "docs", tls=tls, ca=str(authority))
        assert counted(await at.synced()) == {"added": 1}
    async with serving(box()) as running:
        await mail(at, running, "stripped", tls="starttls", ca=str(authority))
        assert "no STARTTLS" in (await at.synced("stripped")).reason
        assert "AUTHENTICATE" not in running.commands


async def test_a_connection_signs_in_with_its_token(at: Setting, server: ImapServer) -> None:
    server.token, server.plain = "good", False
    at.tokens = {"source-mail": "good"}
    await mail(at, server, password="", connection="source-mail")
    assert counted(await at.synced()) == {"added": 2}
    at.tokens = {"source-mail": "hunter2"}
    report = await at.synced()
    assert "refuses the user" in report.reason
    assert "hunter2" not in report.reason + repr(report.values)


async def test_private_networks_and_wrong_settings_are_refused(at: Setting, server: ImapServer) -> None:
    await mail(at, server, allow_private="no")
    assert "private network" in (await at.synced()).reason
    assert not server.commands
    await mail(at, server, "plain", host="192.0.2.1")
    assert "without TLS" in (await at.synced("plain")).reason
    for wrong in (
        {"tls": "maybe"},
        {"password": "hunter2"},
        {"password": ""},
        {"connection": "source-mail"},
        {"password": "", "connection": "crm"},
        {"host": "a/b"},
        {"port": "0"},
        {"more": "1"},
    ):
        with pytest.raises(InvalidInput) as refused:
            await mail(at, server, "other", **wrong)
        assert "hunter2" not in str(refused.value)
    assert not await at.sources.failures(ME, "docs")
