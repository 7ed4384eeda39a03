"""`flowmatik` with a fuse: the process kills itself with SIGKILL at an exact point.

    python -m tests.e2e.crashing append:4:after …arguments of flowmatik…

Points: `append:N:before` and `append:N:after` (the Nth journal append, before it is handed over and
once it is durable), `tool:N:before` and `tool:N:after` (the Nth call of a tool: before its effect,
and between its effect and the record of its outcome). Everything else is the real program.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from flowmatik.agents.skills.box import SkillBox
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.journal.sqlite import SqliteJournal


def light(fuse: str) -> None:
    kind, number, moment = fuse.split(":")
    if kind == "append":
        for journal in (SqliteJournal, PostgresJournal):
            _wrap(journal, "append", int(number), moment)
    else:
        _wrap(SkillBox, "call", int(number), moment)


def _wrap(owner: type, name: str, number: int, moment: str) -> None:
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)
    count = 0

    async def fused(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        mine = count == number
        if mine and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await real(*arguments, **named)
        if mine and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, fused)


if __name__ == "__main__":
    from flowmatik.__main__ import main

    light(sys.argv[1])
    sys.argv = ["flowmatik", *sys.argv[2:]]
    sys.exit(main())
