"""One connection to a mailbox, which only looks: folders are examined, nothing is marked as read.

imaplib blocks, so each step runs in a thread and has its time; when that is over the connection is cut, which
ends the thread. What the server says in words is told to nobody: it might repeat what it was sent.
"""

import asyncio
import imaplib
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from flowmatik.kernel.addresses import addresses_of, is_public
from flowmatik.memory.source_kinds.imap.connection import Connection, Oversized, tls_context
from flowmatik.memory.source_kinds.imap.letters import Folder, Letter
from flowmatik.memory.source_kinds.imap.names import is_meant, listed, quoted
from flowmatik.memory.source_settings import lost

T = TypeVar("T")
_BATCH = 500
_NUMBERS = 10_000  # of which one answer says the UIDs
_MOST_LETTERS = 1_000_000
_UID = re.compile(rb"UID (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_ARRIVED = re.compile(rb'INTERNALDATE "([^"]+)"')
_HEAD = "(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID FROM SUBJECT)])"
_RAISED = (imaplib.IMAP4.error, OSError, ValueError, EOFError)


class Renumbered(Exception):
    """The folder has another UIDVALIDITY than a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`tls`: `tls`, `starttls`, or `none`, which only this machine is asked with. `seconds` for each step."""

    host: str
    port: int
    tls: str
    user: str
    authorities: str
    private: bool
    seconds: int


class Mailbox:
    def __init__(self, account: Account, secret: Callable[[], Awaitable[str]], *, token: bool) -> None:
        """`secret` gives the password, or with `token` what XOAUTH2 takes."""
        self._account = account
        self._secret = secret
        self._token = token
        self._connection: Connection | None = None
        self._examined: tuple[str, int, int] | None = None
        self._lock = asyncio.Lock()

    async def folders(self, patterns: Sequence[str]) -> Sequence[str]:
        """Those that are meant, by name. Raises Unavailable; also when there is none, for a mistyped pattern
        would delete all."""
        lines = await self._step(lambda on: _answer(on.list('""', '"*"')))
        found = [one for line in lines if line and (one := listed(line))]
        self._delimiters = {name: delimiter for name, delimiter, _ in found}
        meant = sorted({name for name, _, flags in found if is_meant(name, flags, patterns)})
        if not meant:
            raise lost(self._account.host, f"it has no folder {', '.join(patterns)[:200]}")
        return meant

    async def looked_at(self, name: str) -> Folder:
        def numbers(on: Connection) -> Folder:
            validity, count = self._examine(on, name)
            uids: set[int] = set()
            for first in range(1, count + 1, _NUMBERS):
                last = min(first + _NUMBERS - 1, count)
                for part in _answer(on.fetch(f"{first}:{last}", "(UID)")):
                    uids.update(int(found) for found in _UID.findall(_flat(part)))
            return Folder(
                name=name, validity=validity, uids=frozenset(uids), delimiter=self._delimiters.get(name, "/")
            )

        folder = await self._step(numbers)
        if len(folder.uids) > _MOST_LETTERS:
            raise lost(self._account.host, f"the folder {name!r} has more than {_MOST_LETTERS} letters")
        return folder

    async def letters(self, folder: Folder, uids: Sequence[int]) -> AsyncIterator[Letter]:
        for first in range(0, len(uids), _BATCH):
            asked = ",".join(map(str, uids[first : first + _BATCH]))

            def heads(on: Connection, asked: str = asked) -> list[Letter]:
                if self._examine(on, folder.name)[0] != folder.validity:
                    raise Renumbered
                return [one for part in _answer(on.uid("FETCH", asked, _HEAD)) if (one := _letter(part))]

            try:
                found = await self._step(heads)
            except Renumbered as error:
                raise lost(self._account.host, f"the folder {folder.name!r} was numbered anew") from error
            for letter in found:
                yield letter

    async def letter(self, name: str, validity: int, uid: int, most: int) -> bytes | None:
        """None when it is there no longer. One more time over a new connection when the old one has ended.
        Raises Renumbered, Unavailable."""

        def whole(on: Connection) -> bytes | None:
            if self._examine(on, name)[0] != validity:
                raise Renumbered
            on.most = most + 1024 * 1024
            for part in _answer(on.uid("FETCH", str(uid), "(UID BODY.PEEK[])")):
                if isinstance(part, tuple):
                    return cast("tuple[bytes, bytes]", part)[1]
            return None

        return await self._step(whole, again=True)

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.cut()
            self._connection = None

    async def _step(self, work: Callable[[Connection], T], *, again: bool = False) -> T:
        async with self._lock:
            had_one = self._connection is not None
            try:
                return await self._done(work)
            except imaplib.IMAP4.abort:
                if not (again and had_one):
                    raise lost(self._account.host, "the server ended the connection") from None
            except Oversized:
                raise lost(self._account.host, "the server sends more than it said") from None
            except TimeoutError:
                raise lost(
                    self._account.host, f"a step took more than {self._account.seconds} seconds"
                ) from None
            except _RAISED as error:
                raise lost(self._account.host, f"the server cannot be understood: {_kind(error)}") from None
        return await self._step(work)

    async def _done(self, work: Callable[[Connection], T]) -> T:
        """Whatever goes wrong, the connection is used no more."""
        try:
            async with asyncio.timeout(self._account.seconds):
                connection = self._connection or await self._opened()
                return await asyncio.to_thread(connection.work, work)
        except Renumbered:
            raise
        except BaseException:
            await self.close()
            raise

    async def _opened(self) -> Connection:
        account, secret = self._account, await self._secret()
        if not secret or not secret.isprintable():
            raise lost(account.host, "its password has signs that none can have")
        address = await self._address()
        context = None
        if account.tls != "none":
            context = await asyncio.to_thread(tls_context, account.host, account.authorities)
        connection = Connection(account.host, account.port, address, context)
        self._connection, self._examined = connection, None

        def enter(on: Connection) -> None:
            on.begin(account.seconds, at_once=account.tls == "tls")
            on.enter(account.user, secret, token=self._token)

        await asyncio.to_thread(connection.work, enter)
        return connection

    async def _address(self) -> str:
        """The very one that was looked at, so that a name that changes its meaning leads nowhere."""
        account = self._account
        try:
            found = await addresses_of(account.host, account.port)
        except OSError as error:
            raise lost(account.host, "the host is unknown") from error
        if not found or (not account.private and not all(map(is_public, found))):
            raise lost(account.host, "it is in a private network; set allow_private if that is meant")
        if account.tls == "none" and not all(
            ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found
        ):
            raise lost(account.host, "without TLS only this machine itself is asked; set tls")
        return found[0]

    def _examine(self, on: Connection, name: str) -> tuple[int, int]:
        """Its UIDVALIDITY and how many letters it has; blocking. Once in a connection is not enough: other
        programs may have made the folder anew."""
        status, told = on.select(quoted(name), readonly=True)
        if status != "OK":
            raise imaplib.IMAP4.error("EXAMINE")
        _, validity = on.response("UIDVALIDITY")
        try:
            return int(cast("Any", validity)[0]), int(cast("Any", told)[0])
        except (TypeError, ValueError, IndexError) as error:
            raise imaplib.IMAP4.error("UIDVALIDITY") from error


def _answer(told: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    status, data = told
    if status != "OK":
        raise imaplib.IMAP4.error(status)
    return data


def _flat(part: object) -> bytes:
    if isinstance(part, tuple):
        return b" ".join(cast("tuple[bytes, ...]", part))
    return part if isinstance(part, bytes) else b""


def _letter(part: object) -> Letter | None:
    if not isinstance(part, tuple):
        return None
    about, head = cast("tuple[bytes, bytes]", part)[:2]
    uid, size, arrived = _UID.search(about), _SIZE.search(about), _ARRIVED.search(about)
    if uid is None:
        return None
    return Letter(
        uid=int(uid[1]),
        size=int(size[1]) if size else -1,
        arrived=_time(arrived[1]) if arrived else None,
        head=head,
    )


def _time(text: bytes) -> datetime | None:
    try:
        return datetime.strptime(text.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None


def _kind(error: Exception) -> str:
    """Of our own words, never the server's."""
    own = str(error)
    return own if own in ("EXAMINE", "UIDVALIDITY", "NO", "BAD", "LOGIN") else type(error).__name__
