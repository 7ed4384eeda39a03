"""Shared caps in PostgreSQL: each operation is one statement."""

import contextlib
from collections.abc import Mapping
from typing import Any

from flowmatik.core.journal.money import checked_amounts
from flowmatik.core.journal.money_records import Kept
from flowmatik.core.journal.sql_money import SqlMoney
from flowmatik.kernel.errors import Conflict


class PostgresMoney(SqlMoney):
    async def _place(self, params: tuple[Any, ...], now: str) -> None:
        await self._execute("place_cap", *params, now)

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        return await self._allotted(workspace_id, run_id, n, amounts, spent=False)

    async def charge(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> None:
        await self._allotted(workspace_id, run_id, n, amounts, spent=True)

    async def _allotted(
        self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int], *, spent: bool
    ) -> bool:
        wanted = checked_amounts(amounts)
        first = await self._fetch("allotted", run_id, n)
        if not first:
            scopes, micros = [*wanted], [*wanted.values()]
            try:
                params = (workspace_id, run_id, n, scopes, micros, self._now(), spent)
                rows = await self._fetch("allot", *params)
                return rows[0][0]
            except Conflict:  # the same allotment was asked for at the same moment
                first = await self._fetch("allotted", run_id, n)
        return bool(first[0][0])

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        scopes, micros = [*kept.scopes], [*kept.scopes.values()]
        with contextlib.suppress(Conflict):  # somebody settles it at the same moment
            await self._execute("settle", run_id, seq, upto, scopes, micros, kept.others, kept.spent)

    async def settle_call(self, call_id: str, kept: Kept) -> None:
        with contextlib.suppress(Conflict):  # as above
            await self._execute("settle_call", call_id, [*kept.scopes], [*kept.scopes.values()], kept.others)


def with_placing(statements: Mapping[str, str]) -> Mapping[str, str]:
    """The part of `place_cap` that both stores have."""
    return {**statements, "place_cap": statements["place_cap"].replace("{set_cap}", statements["set_cap"])}
