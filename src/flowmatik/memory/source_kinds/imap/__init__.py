"""A mailbox over IMAP (RFC 3501): each letter of some folders is a document, its attachments are its parts.

Letters never change: the cursor holds which there were, so that only new ones are asked for. One that was
moved, or numbered anew (UIDVALIDITY), is known again by its Message-ID, size and date, and not fetched again.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup, Vanished
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_kinds.imap.letters import Folder, Uids, entry_of, path_of, uid_of
from flowmatik.memory.source_kinds.imap.mailbox import Account, Mailbox, Renumbered
from flowmatik.memory.source_parts.made import gone, too_large
from flowmatik.memory.source_settings import Given, lost

_PORTS = {"tls": 993, "starttls": 143, "none": 143}
CONNECTIONS = ("source-", "source_")  # only what is meant for sources, as with variables


def build(given: SourceSetup) -> "ImapReader":
    settings = Given("imap", given.settings)
    tls = settings.text("tls", "tls")
    if tls not in _PORTS:
        raise settings.wrong("tls", f"there are {', '.join(_PORTS)}")
    password, connection = settings.reference("password", ""), settings.text("connection", "")
    account = Account(
        host=settings.text("host"),
        port=settings.number("port", _PORTS[tls], most=65_535),
        tls=tls,
        user=settings.text("user"),
        authorities=settings.text("ca", ""),
        private=settings.flag("allow_private"),
        seconds=settings.number("timeout_seconds", 60, most=600),
    )
    folders = settings.texts("folders") or ("INBOX",)
    settings.finish()
    if not account.user.isprintable() or not account.host.isprintable() or set(account.host) & set("/@ "):
        raise settings.wrong("host", "a name of a host, and of a user, is needed")
    if bool(password) == bool(connection):
        raise settings.wrong("password", "give either a password or a connection")
    if connection and not connection.startswith(CONNECTIONS):
        raise settings.wrong("connection", f"only one whose name begins with {CONNECTIONS[0]} can be named")
    secret = _secret(given, password, connection)
    return ImapReader(Mailbox(account, secret, token=bool(connection)), folders, account.host)


def _secret(given: SourceSetup, password: str, connection: str) -> Callable[[], Awaitable[str]]:
    async def found() -> str:
        if password:
            return given.outside.secret(password)
        if given.outside.bearer is None:
            raise lost(connection, "there are no connections here")
        return await given.outside.bearer(given.workspace_id, connection)

    return found


class ImapReader:
    """Implements `SourceReader`."""

    content_versions = True
    in_place: Path | None = None

    def __init__(self, mailbox: Mailbox, folders: Sequence[str], name: str) -> None:
        self._mailbox = mailbox
        self._patterns = folders
        self._name = name
        self._listed = Listed(complete=False)

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        before = _known(cursor)
        now: dict[str, Folder] = {}
        for name in await self._mailbox.folders(self._patterns):
            folder = await self._mailbox.looked_at(name)
            now[name] = folder
            known = before.get(name)
            if known is not None and known.validity != folder.validity:
                known = None  # all of them go, and come again by another number
            fresh = folder.uids - known.uids if known is not None else folder.uids
            async for letter in self._mailbox.letters(folder, sorted(fresh)):
                yield entry_of(folder, letter)
        for name, folder in before.items():
            there = now.get(name)
            stayed = (
                there.uids if there is not None and there.validity == folder.validity else frozenset[int]()
            )
            for uid in folder.uids - stayed:
                yield Vanished(path=path_of(folder, uid))
        said = {
            name: [folder.validity, folder.delimiter, Uids.said(folder.uids)] for name, folder in now.items()
        }
        self._listed = Listed(complete=not cursor, cursor=json.dumps(said))

    def listed(self) -> Listed:
        return self._listed

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        if entry.size > most:
            raise too_large(entry.path, entry.size, most)
        name, (validity, uid) = entry.metadata.get("folder", ""), uid_of(entry.path)
        try:
            data = await self._mailbox.letter(name, validity, uid, most)
        except Renumbered as error:
            raise lost(self._name, f"the folder {name!r} was numbered anew while it was read") from error
        if data is None:
            raise gone(entry.path)
        if len(data) > most:
            raise too_large(entry.path, len(data), most)
        if not data.strip():
            raise DocumentError(f"{entry.path}: it is empty", code="document.no_text")
        return Content(data=data)

    async def close(self) -> None:
        await self._mailbox.close()


def _known(cursor: str) -> Mapping[str, Folder]:
    said: Any = json.loads(cursor) if cursor else {}
    return {
        name: Folder(name=name, validity=int(one[0]), delimiter=str(one[1]), uids=Uids.read(str(one[2])))
        for name, one in cast("dict[str, list[Any]]", said).items()
    }
