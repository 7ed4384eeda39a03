"""A small IMAP server (RFC 3501, the part that looking at mail needs) over TCP, for tests: folders and
letters in memory, TLS or STARTTLS with a context that is given, and faults by switch. What works with it is
no proof of what works with a real one; it was never compared with one."""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

_ARRIVED = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)')
_ESCAPED = re.compile(r"\\(.)")
Fault = Literal["", "cut", "bye", "silent", "huge", "gibberish"]


@dataclass(slots=True)
class MailFolder:
    """`name` as it goes over the wire (modified UTF-7); letters by UID, with when they arrived."""

    name: str
    validity: int = 1
    following: int = 1
    letters: dict[int, tuple[bytes, datetime]] = field(default_factory=lambda: {})
    flags: str = ""

    def add(self, data: bytes, arrived: datetime = _ARRIVED) -> int:
        uid, self.following = self.following, self.following + 1
        self.letters[uid] = (data, arrived)
        return uid

    def move(self, uid: int, to: "MailFolder") -> int:
        data, arrived = self.letters.pop(uid)
        return to.add(data, arrived)

    def renumber(self) -> None:
        """As after a restore: all letters are there, by other numbers."""
        letters, self.letters = list(self.letters.values()), {}
        self.validity, self.following = self.validity + 1, 100
        for data, arrived in letters:
            self.add(data, arrived)


@dataclass(slots=True, kw_only=True)
class ImapServer:
    """`fault` happens when a letter is fetched (`cut` in the middle of it, `huge` announces too much), or,
    for the others, at the next command. `commands` are those that came, without what signs anybody in."""

    user: str
    password: str
    token: str = ""
    folders: dict[str, MailFolder] = field(default_factory=lambda: {"INBOX": MailFolder("INBOX")})
    context: ssl.SSLContext | None = None
    starttls: bool = False
    plain: bool = True
    fault: Fault = ""
    fetched: list[int] = field(default_factory=lambda: [])
    commands: list[str] = field(default_factory=lambda: [])
    port: int = 0

    def folder(self, name: str, flags: str = "") -> MailFolder:
        return self.folders.setdefault(name, MailFolder(name, flags=flags))


@asynccontextmanager
async def serving(server: ImapServer) -> AsyncGenerator[ImapServer]:
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, _Ended):
                await _Session(server, reader, writer).talk()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    at_once = None if server.starttls else server.context
    listening = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=at_once)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Ended(Exception):
    """The session is over."""


class _Session:
    def __init__(
        self, server: ImapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._known = False
        self._secure = server.context is not None and not server.starttls
        self._folder: MailFolder | None = None

    async def talk(self) -> None:
        await self._say("* OK ready")
        while line := await self._reader.readline():
            tag, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            name, _, given = rest.partition(" ")
            name = name.upper()
            signs_in = name in ("LOGIN", "AUTHENTICATE")
            self._server.commands.append(name if signs_in else f"{name} {given}".strip())
            await self._faulty()
            if said := await self._done(name, given, tag):
                await self._say(f"{tag} {said}")
            if name == "LOGOUT":
                return

    async def _faulty(self) -> None:
        fault = self._server.fault
        if fault == "silent":
            await asyncio.Event().wait()
        if fault == "bye":
            await self._say("* BYE down for the night")
            raise _Ended
        if fault == "gibberish":
            await self._say("? what is this\r\n\0\0\0")

    async def _done(self, name: str, given: str, tag: str) -> str:
        if name == "CAPABILITY":
            await self._say(f"* CAPABILITY {self._capabilities()}")
            return "OK done"
        if name == "STARTTLS" and self._server.starttls and self._server.context is not None:
            await self._say(f"{tag} OK begin")
            await self._writer.start_tls(self._server.context)
            self._secure = True
            return ""  # that was said before
        if name == "LOGIN":
            return self._entered([_ESCAPED.sub(r"\1", one[0]) or one[1] for one in _QUOTED.findall(given)])
        if name == "AUTHENTICATE":
            return await self._authenticated(given.upper())
        if name == "LOGOUT":
            await self._say("* BYE bye")
            return "OK done"
        if not self._known:
            return "BAD nobody knows you"
        return await self._mail(name, given)

    def _capabilities(self) -> str:
        more = [
            "STARTTLS" if self._server.starttls and not self._secure else "",
            "AUTH=PLAIN" if self._server.plain else "",
            "AUTH=XOAUTH2" if self._server.token else "",
        ]
        return " ".join(filter(None, ("IMAP4rev1", *more)))

    def _entered(self, given: list[str]) -> str:
        self._known = given == [self._server.user, self._server.password]
        return "OK welcome" if self._known else f"NO not with {' '.join(given)}"  # some servers do repeat it

    async def _authenticated(self, mechanism: str) -> str:
        await self._say("+ ")
        said = base64.b64decode((await self._reader.readline()).strip()).decode()
        if mechanism == "PLAIN" and self._server.plain:
            return self._entered(said.split("\0")[1:])
        good = f"user={self._server.user}\x01auth=Bearer {self._server.token}\x01\x01"
        if mechanism == "XOAUTH2" and self._server.token and said == good:
            self._known = True
            return "OK welcome"
        why = base64.b64encode(b'{"status":"400"}').decode()
        await self._say(f"+ {why}")
        await self._reader.readline()
        return "NO refused"

    async def _mail(self, name: str, given: str) -> str:
        if name == "LIST":
            for folder in self._server.folders.values():
                await self._say(f'* LIST ({folder.flags}) "." "{folder.name}"')
            return "OK done"
        if name in ("SELECT", "EXAMINE"):
            folder = self._server.folders.get(given.strip().strip('"'))
            if folder is None:
                return "NO there is no such folder"
            self._folder = folder
            await self._say(f"* {len(folder.letters)} EXISTS")
            await self._say(f"* OK [UIDVALIDITY {folder.validity}] valid")
            return "OK [READ-ONLY] done"
        if self._folder is None:
            return "BAD no folder"
        if name == "FETCH":
            first, last = (int(one) for one in given.split()[0].split(":"))
            for number, uid in list(enumerate(sorted(self._folder.letters), start=1))[first - 1 : last]:
                await self._say(f"* {number} FETCH (UID {uid})")
            return "OK done"
        if name == "UID":
            return await self._fetched(given, self._folder)
        return "BAD what?"

    async def _fetched(self, given: str, folder: MailFolder) -> str:
        _, wanted, items = given.split(" ", 2)
        uids = {
            uid
            for part in wanted.split(",")
            for uid in range(int(part.split(":")[0]), int(part.split(":")[-1]) + 1)
        }
        for number, uid in enumerate(sorted(folder.letters), start=1):
            if uid not in uids:
                continue
            data, arrived = folder.letters[uid]
            about = f"* {number} FETCH (UID {uid} RFC822.SIZE {len(data)}"
            about += f' INTERNALDATE "{arrived:%d-%b-%Y %H:%M:%S %z}"'
            if "HEADER" in items:
                await self._literal(
                    f"{about} BODY[HEADER.FIELDS (X)]", data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                )
            else:
                self._server.fetched.append(uid)
                await self._literal(f"* {number} FETCH (UID {uid} BODY[]", data)
        return "OK done"

    async def _literal(self, about: str, data: bytes) -> None:
        announced = 4_000_000_000 if self._server.fault == "huge" else len(data)
        whole = f"{about} {{{announced}}}\r\n".encode() + data
        if self._server.fault in ("cut", "huge") and "BODY[]" in about:
            self._writer.write(whole[: -len(data) // 2])
            await self._writer.drain()
            self._writer.transport.abort() if self._server.fault == "cut" else None
            raise _Ended
        self._writer.write(whole + b")\r\n")
        await self._writer.drain()

    async def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()
