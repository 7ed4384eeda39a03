"""What every command needs: global options, texts, and where to write.

Results and JSON go to stdout, everything said to a person on the way goes to stderr.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import typer
from rich.console import Console

from flowmatik.app.backend import Backend
from flowmatik.app.settings import Settings, find_home, load_settings
from flowmatik.app.texts import Texts
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput, Unavailable

T = TypeVar("T")
ATTEMPTS = 5
STORE_AWAY = ("unavailable.journal", "unavailable.memory", "unavailable.damaged")  # the process is there
UNLIMITED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One invocation. `url` "" means the home folder of this machine."""

    text: Texts
    environment: Mapping[str, str]
    home: str | None = None
    json: bool = False
    url: str = ""
    api_key: str = ""
    out: Console
    err: Console

    @property
    def language(self) -> str:
        """In which a server is asked to say things: programs get English beside the codes."""
        return "en" if self.json else self.text.language

    def credential(self) -> str:
        """The API key, else the token of `flowmatik login`, "" without either. Raises Unauthenticated when
        the login has expired."""
        from flowmatik.app.logins import Logins

        return self.api_key or Logins(self.environment).token(self.url, SystemClock().now())

    def _credential(self) -> str:
        """Raises InvalidInput when there is none."""
        credential = self.credential()
        if not credential:
            raise InvalidInput(
                f"{self.url!r} needs an API key, or `flowmatik login --url {self.url}`",
                code="input.api_key",
                context={"url": self.url},
            )
        return credential

    def find_home(self) -> Path:
        return find_home(self.home, self.environment, Path.cwd())

    def settings(self, flags: Mapping[str, object] | None = None) -> Settings:
        """Raises ConfigurationError with every fault."""
        from flowmatik.app.logs import configure_logging

        settings = load_settings(self.find_home(), self.environment, flags)
        configure_logging(settings)
        return settings

    async def on_backend(self, work: Callable[[Backend], Awaitable[T]]) -> T:
        """`work` with whatever answers for this command. When that was another process of the home
        and it leaves meanwhile, `work` is done again, here or through its successor: it must be
        repeatable."""
        for left in reversed(range(ATTEMPTS)):
            async with self.backend() as backend:
                try:
                    return await work(backend)
                except Unavailable as error:
                    if self.url or backend.here or not left or error.code.startswith(STORE_AWAY):
                        raise
            self.say("run.moved")
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def backend(self) -> AsyncGenerator[Backend]:
        """The server named by --url, else the one that has the home, else an engine here."""
        from flowmatik.app.connect import connect_home, connect_url
        from flowmatik.app.patient_runs import StorePatience

        if self.url:
            key, patience = self._credential(), StorePatience(say=self.say)
            async with connect_url(self.url, key, language=self.language, patience=patience) as remote:
                yield remote
        else:
            settings = self.settings()
            patience = StorePatience(seconds=settings.store_wait_seconds, say=self.say)
            async with connect_home(settings, language=self.language, patience=patience) as local:
                yield local

    def say(self, key: str, **values: object) -> None:
        """A line for the person, on stderr."""
        self.err.print(clean(self.text(key, **values)), soft_wrap=True)

    def print(self, line: str = "") -> None:
        """A line of result, on stdout."""
        self.out.print(clean(line), soft_wrap=True)

    def print_json(self, value: object) -> None:
        sys.stdout.buffer.write(orjson.dumps(value, default=_jsonable) + b"\n")
        sys.stdout.flush()

    def print_line(self, text: str) -> None:
        """One line of NDJSON, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def run(
        self, work: Coroutine[Any, Any, int], loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    ) -> None:
        """Run the command, in the loop that `loop` makes, and leave with its exit code."""
        with asyncio.Runner(loop_factory=loop) as runner:
            raise typer.Exit(runner.run(work))


def session_of(context: typer.Context) -> Session:
    session = context.obj
    if not isinstance(session, Session):
        raise TypeError("the command was called without its session")
    return session


def clean(text: str) -> str:
    """Without control characters: a document must not steer the terminal. What joins emoji stays."""
    return "".join(
        c
        for n, c in enumerate(text)
        if c in "\n\t\u00a0" or c.isprintable() or (c == "\u200d" and n and text[n - 1] >= "\u2190")
    )


def console(*, stderr: bool) -> Console:
    """Off a terminal lines are as long as they are: nothing may be cut in a file or a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNLIMITED
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width)


def _jsonable(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any JSON set
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
