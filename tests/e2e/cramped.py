"""`flowmatik` on a disk that fills up: after SIGUSR1 no database of the home may grow by a page, after
SIGUSR2 it may again.

    python -m tests.e2e.cramped …arguments of flowmatik…
"""

import asyncio
import contextlib
import signal
import sys
from types import FrameType
from typing import Any

from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.stores.sqlite import SqliteStore

UNLIMITED = 1 << 30
stores: list[SqliteStore] = []
under_way: set[asyncio.Task[None]] = set()


class CrampedStore(SqliteStore):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        stores.append(self)


async def limit(pages: int) -> None:
    """SQLite takes at least the pages in use. Asked again where it shared a transaction with a write that
    found no room, and was rolled back with it."""
    for store in stores:
        while True:
            with contextlib.suppress(JournalUnavailable):
                await store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}"))
                break
            await asyncio.sleep(0.01)


def on_signal(number: int, frame: FrameType | None) -> None:
    del frame
    loop = asyncio.get_running_loop()

    def change() -> None:
        task = loop.create_task(limit(1 if number == signal.SIGUSR1 else UNLIMITED))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    loop.call_soon_threadsafe(change)


if __name__ == "__main__":
    import flowmatik.stores.sqlite
    from flowmatik.__main__ import main

    flowmatik.stores.sqlite.SqliteStore = CrampedStore
    signal.signal(signal.SIGUSR1, on_signal)
    signal.signal(signal.SIGUSR2, on_signal)
    sys.argv = ["flowmatik", *sys.argv[1:]]
    sys.exit(main())
