"""PostgreSQL through asyncpg: pools under a narrow role, and the `Database` contract over one.

Every statement has a time limit below an engine's lease (3 s), so that no lock outlives its owner.
What the engine relies on (READ COMMITTED, commits that are on disk) its sessions set for themselves,
whatever the database's defaults are.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import asyncpg as _asyncpg

from flowmatik.contracts.database import Row, Statement
from flowmatik.kernel.errors import (
    ConfigurationError,
    Conflict,
    FlowmatikError,
    InvalidInput,
    JournalUnavailable,
)

asyncpg = cast("Any", _asyncpg)  # ships no types

T = TypeVar("T")
Role = Literal["flowmatik_engine", "flowmatik_api", "flowmatik_retention"]
_LIMIT_MS = "2500"
_RETRIES = 5
# Statements that lock rows and then look at them rely on it; under a stricter level they would fail instead.
_ISOLATION = {"default_transaction_isolation": "read committed"}
_RAISED = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection whose end asyncpg has not noticed yet
    OSError,
    ValueError,
)
_SCHEMES = ("postgresql://", "postgres://", "postgresql+asyncpg://")


def is_postgres_url(target: Path | str) -> bool:
    return isinstance(target, str) and target.startswith(_SCHEMES)


def unavailable_errors() -> tuple[type[Exception], ...]:
    """What asyncpg raises when the server cannot be reached, has no room or took too long."""
    return (
        OSError,
        TimeoutError,
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.LockNotAvailableError,
        asyncpg.ObjectNotInPrerequisiteStateError,  # a database that takes no connections
        asyncpg.TransactionRollbackError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.PostgresSystemError,
    )


def raised_by_postgres() -> tuple[type[Exception], ...]:
    """What asyncpg raises, of whatever kind; `translated` tells which."""
    return _RAISED


def translated(error: Exception) -> FlowmatikError | None:
    """Our error for what asyncpg raised; None for a mistake in the program."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict(f"PostgreSQL has such a row already: {error}", code="conflict.exists")
    if isinstance(error, (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError)):
        return InvalidInput(
            f"PostgreSQL refuses a value: {error}", code="input.value", context=_context(error)
        )
    if isinstance(error, asyncpg.ProgramLimitExceededError):
        return InvalidInput(
            f"a value is too big for PostgreSQL: {error}", code="input.value", context=_context(error)
        )
    if isinstance(error, unavailable_errors()):
        return JournalUnavailable(
            f"PostgreSQL cannot be used now ({type(error).__name__}: {error}); try again when it is back",
            context=_context(error),
        )
    return None


def _context(error: Exception) -> dict[str, object]:
    return {"store": "PostgreSQL", "said": str(error) or type(error).__name__}


async def connect_once(url: str) -> Any:
    """One plain connection as the login role, for migrations and checks."""
    try:
        return await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=10, server_settings=_ISOLATION)
    except unavailable_errors() as error:
        raise JournalUnavailable(
            f"PostgreSQL cannot be reached: {error}; check the address and the server",
            context=_context(error),
        ) from error


async def open_pool(url: str, *, role: Role, min_size: int = 1, max_size: int = 8) -> Any:
    """An asyncpg pool whose connections act as `role`. ConfigurationError when the role is missing
    (run the migrations first), JournalUnavailable when the server is."""
    try:
        return await asyncpg.create_pool(
            url.replace("+asyncpg", "", 1),
            min_size=min_size,
            max_size=max_size,
            timeout=10,
            command_timeout=10,
            connection_class=_Connection,
            init=_commit_on_disk,
            reset=_nothing_to_reset,
            server_settings={
                **_ISOLATION,
                "role": role,
                "statement_timeout": _LIMIT_MS,
                "idle_in_transaction_session_timeout": _LIMIT_MS,
                "application_name": role,
                "jit": "off",
            },
        )
    except asyncpg.InvalidParameterValueError as error:
        raise ConfigurationError(
            f"the role {role!r} cannot be used: {error}; run `flowmatik migrate` first",
            code="config.role",
            context={"role": role, "said": str(error)},
        ) from error
    except unavailable_errors() as error:
        raise JournalUnavailable(
            f"PostgreSQL cannot be reached: {error}; check the address and the server",
            context=_context(error),
        ) from error


async def _commit_on_disk(connection: Any) -> None:
    """A commit is acknowledged once it is on disk, here and on a synchronous standby if there is one. The
    one level above, `remote_apply`, is kept where the database has it."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') <> 'remote_apply'"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """`synchronous_commit` is the database's default, `in_use` what the engine's sessions have. Without
    `fsync`, which only the server's settings can mend, no commit is safe."""

    fsync: bool
    synchronous_commit: str

    @property
    def in_use(self) -> str:
        return "remote_apply" if self.synchronous_commit == "remote_apply" else "on"


async def durability(url: str) -> Durability:
    """What the server says. Raises JournalUnavailable."""
    connection = await connect_once(url)
    try:
        fsync, commit = await connection.fetchrow(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        )
        return Durability(fsync=fsync == "on", synchronous_commit=commit)
    except _RAISED as error:
        raise translated(error) or error from error
    finally:
        await connection.close()


async def _nothing_to_reset(_: Any) -> None:
    """What a connection keeps between two uses, `_Connection` knows: giving one back costs no round trip."""


class _Connection(asyncpg.Connection):
    """Knows for which workspace row-level security lets it see rows: whoever comes for another tells the
    server first, whoever comes for the same one needs no transaction for it."""

    workspace: str | None = ""  # none; None while nobody can tell

    async def see(self, workspace: str) -> None:
        if self.workspace != workspace:
            self.workspace = None
            await self.execute("SELECT set_config('flowmatik.workspace', $1, false)", workspace)
            self.workspace = workspace


class PostgresDatabase:
    """The `Database` contract over a pool, which it does not own.

    With `workspace` every call sees only its rows, by row-level security. A fetch, and a transaction of one
    statement, are autocommitted in one round trip. Deadlocks and serialisation failures are tried again,
    since the whole of a call was rolled back.
    """

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, pool: Any, workspace: str | None = None) -> None:
        self._pool = pool
        self._workspace = workspace

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        async def work(connection: Any) -> list[Row]:
            return await connection.fetch(sql, *params)

        return await self._tried(work)

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        """All or nothing; returns the affected row counts."""

        async def work(connection: Any) -> list[int]:
            return [_count(await connection.execute(sql, *params)) for sql, params in statements]

        async def together(connection: Any) -> list[int]:
            try:
                await connection.execute("BEGIN")
                counts = await work(connection)
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
            return counts

        return await self._tried(work if len(statements) == 1 else together)

    def within(self, workspace_id: str) -> "PostgresDatabase":
        return PostgresDatabase(self._pool, workspace_id)

    async def _tried(self, work: Callable[[Any], Awaitable[T]]) -> T:
        for attempt in range(_RETRIES):
            try:
                async with self._pool.acquire() as connection:
                    await connection.see(self._workspace or "")
                    return await work(connection)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if attempt == _RETRIES - 1:
                    raise translated(error) or error from error
            except _RAISED as error:
                raise translated(error) or error from error
        raise AssertionError("unreachable: the last attempt returns or raises")


def _count(tag: str) -> int:
    """The row count in a command tag such as `UPDATE 3`."""
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0
