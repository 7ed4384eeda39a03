"""imaplib, held to the address that was looked at, to TLS, and to answers of a bounded size."""

import imaplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from flowmatik.memory.source_settings import lost

T = TypeVar("T")
_MOST = 8 * 1024 * 1024  # of one literal, unless a letter is read


class Oversized(Exception):
    """The server announces more than anybody asked for."""


class Connection(imaplib.IMAP4):
    """Connects at `begin`, not when it is made. `most`: bytes of one literal."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        self._name = host
        self._to = (address, port)
        self._context = context
        self._at_once = False
        self._seconds = 0.0
        self._raw: socket.socket | None = None
        self._busy = threading.Lock()
        self._over = False
        self.most = _MOST

    def begin(self, seconds: float, *, at_once: bool) -> None:
        """Blocking, as all that follows. `at_once`: TLS from the first byte, else by STARTTLS."""
        self._seconds, self._at_once = seconds, at_once
        super().__init__(self._name, self._to[1], timeout=seconds)
        if self._context is not None and not at_once:
            if "STARTTLS" not in self.capabilities:
                raise lost(self._name, "the server offers no STARTTLS")
            plain = self.file
            self.starttls(ssl_context=self._context)  # checked against the host's name
            plain.close()

    def enter(self, user: str, secret: str, *, token: bool) -> None:
        """Raises Unavailable when the server refuses."""
        try:
            if token:
                said = f"user={user}\x01auth=Bearer {secret}\x01\x01"
                self.authenticate("XOAUTH2", _once(said))
            elif "AUTH=PLAIN" in self.capabilities:  # RFC 4616, in UTF-8
                self.authenticate("PLAIN", _once(f"\0{user}\0{secret}"))
            else:
                self.login(user, secret)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError):
            raise lost(self._name, f"the server refuses the user {user!r} with this password") from None

    def work(self, do: "Callable[[Connection], T]") -> T:
        """One step, in a thread."""
        with self._busy:
            try:
                return do(self)
            finally:
                if self._over:
                    self._release()

    def cut(self) -> None:
        """From any thread: whoever waits for the server stops waiting."""
        self._over = True
        for one in self._sockets():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if self._busy.acquire(blocking=False):  # else whoever is at work does it
            try:
                self._release()
            finally:
                self._busy.release()

    def _release(self) -> None:
        file = getattr(self, "file", None)
        if file is not None:
            with suppress(OSError):
                file.close()
        for one in self._sockets():
            with suppress(OSError):
                one.close()

    def _sockets(self) -> list[socket.socket]:
        both = (getattr(self, "sock", None), self._raw)
        return [one for one in both if isinstance(one, socket.socket)]

    def read(self, size: int) -> bytes:
        if size > self.most:
            raise Oversized
        return super().read(size)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        """imaplib's own place for it."""
        del timeout
        raw = socket.create_connection(self._to, timeout=self._seconds)
        self._raw = raw
        if self._context is None or not self._at_once:
            return raw
        return self._context.wrap_socket(raw, server_hostname=self._name)


def tls_context(host: str, authorities: str) -> ssl.SSLContext:
    """Blocking. Certificates are checked, against `authorities` (a PEM file) where it is given."""
    try:
        return ssl.create_default_context(cafile=authorities or None)
    except (OSError, ssl.SSLError) as error:
        raise lost(host, "the file `ca` cannot be read") from error


def _once(said: str) -> Callable[[bytes], bytes]:
    """A second question is the server's reason for a refusal (XOAUTH2), to be answered with nothing."""
    answers = iter((said.encode(),))

    def answer(asked: bytes) -> bytes:
        del asked
        return next(answers, b"")

    return answer
