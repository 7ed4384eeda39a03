"""How commands tell what came of them: as JSON where that is asked for, else in words."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session
from flowmatik.app.exit_codes import ExitCode

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


def told(session: Session, found: "T", in_words: "Callable[[Session, T], None]") -> int:
    if session.json:
        session.print_json(dataclasses.asdict(found))
    else:
        in_words(session, found)
    return ExitCode.OK


async def done(
    session: Session,
    work: "Callable[[Backend], Awaitable[T]]",
    in_words: "Callable[[Session, T], None]",
    *,
    once: bool = False,
) -> int:
    """What came of `work`, which is begun again where the process that did it ended; not with `once`: what
    was done twice would be another change."""
    if not once:
        return told(session, await session.on_backend(work), in_words)
    async with session.backend() as backend:
        found = await work(backend)
    return told(session, found, in_words)
