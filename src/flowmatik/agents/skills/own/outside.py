"""Functions of others, run outside of the program's own loop.

A function that hangs holds up neither the loop nor the end of the program: sync functions have a thread of
their own for each call, async ones a loop of their folder's in another thread, which is given up when it
does not answer any more. Python cannot end a thread, so there is a bound on how many may hang.
"""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from flowmatik.kernel.errors import ToolError

MOST_AT_ONCE = 32  # sync calls of one folder, those that hang included
MOST_GIVEN_UP = 4  # loops of one folder
ANSWERS_SECONDS = 0.5  # a loop that does not in this time is held up

Function = Callable[..., Any]


class Outside:
    """For the functions of one folder. Close it when done; what hangs then is left behind."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._running = 0
        self._given_up = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, name: str, function: Function, values: dict[str, Any], seconds: float) -> Any:
        """What it returns or raises. Raises ToolError (`tool.timeout`) when that takes too long,
        (`tool.skill.busy`) when too many calls before it have not ended."""
        is_async = inspect.iscoroutinefunction(function)
        begun = self._in_loop(function, values) if is_async else self._in_thread(function, values)
        if begun is None:
            raise ToolError(
                f"{name}: too many calls of the skill {self._folder!r} are under way or hang; the program "
                "must be started again if they never end",
                code="tool.skill.busy",
                retryable=True,
                context={"tool": name, "skill": self._folder},
            )
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await asyncio.wrap_future(begun)
        except TimeoutError as error:
            if not limit.expired():  # one of its own
                raise
            if is_async:
                await self._look()
            raise ToolError(
                f"{name} did not finish within {seconds:g} s; ask for less",
                code="tool.timeout",
                retryable=True,
                context={"tool": name, "seconds": seconds},
            ) from error

    def _in_thread(self, function: Function, values: dict[str, Any]) -> Future[Any] | None:
        with self._lock:
            if self._running >= MOST_AT_ONCE:
                return None
            self._running += 1
        said: Future[Any] = Future()

        def work() -> None:
            try:
                settle(said, outcome=function(**values))
            except BaseException as error:  # an exit too is only the end of this call
                settle(said, error=_tame(error))
            finally:
                with self._lock:
                    self._running -= 1

        threading.Thread(target=work, name=f"skill-{self._folder}", daemon=True).start()
        return said

    def _in_loop(self, function: Callable[..., Awaitable[Any]], values: dict[str, Any]) -> Future[Any] | None:
        with self._lock:
            if self._given_up >= MOST_GIVEN_UP:
                return None
            if self._loop is None:
                self._loop = self._begun()
            loop = self._loop

        async def work() -> Any:
            try:
                return await function(**values)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise _tame(error) from error
            except (SystemExit, KeyboardInterrupt) as error:
                raise _tame(error) from error

        return asyncio.run_coroutine_threadsafe(work(), loop)

    def _begun(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()

        def turn() -> None:
            asyncio.set_event_loop(loop)
            try:
                loop.run_forever()
            finally:
                for task in asyncio.all_tasks(loop):
                    task.cancel()
                loop.run_until_complete(asyncio.sleep(0))
                loop.close()

        threading.Thread(target=turn, name=f"skills-{self._folder}", daemon=True).start()
        return loop

    async def _look(self) -> None:
        """Give the loop up if it does not answer: the next call gets another."""
        loop = self._loop
        if loop is None:
            return
        here, answered = asyncio.get_running_loop(), asyncio.Event()
        loop.call_soon_threadsafe(_tell, here, answered)
        try:
            async with asyncio.timeout(ANSWERS_SECONDS):
                await answered.wait()
        except TimeoutError:
            loop.call_soon_threadsafe(loop.stop)  # should it ever come back
            with self._lock:
                if self._loop is loop:
                    self._loop, self._given_up = None, self._given_up + 1

    def close(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)


def settle(said: "Future[Any]", *, outcome: Any = None, error: BaseException | None = None) -> None:
    """Nobody may be waiting any more."""
    if not said.set_running_or_notify_cancel():
        return
    if error is not None:
        said.set_exception(error)
    else:
        said.set_result(outcome)


def _tell(here: asyncio.AbstractEventLoop, answered: asyncio.Event) -> None:
    if not here.is_closed():
        here.call_soon_threadsafe(answered.set)


def _tame(error: BaseException) -> Exception:
    """An exit, or a cancellation of its own, would end more than the call."""
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
