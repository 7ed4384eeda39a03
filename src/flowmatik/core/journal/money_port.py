"""What a store does for shared caps."""

from collections.abc import Mapping
from typing import Protocol

from flowmatik.core.journal.money_records import HARD, Cap, CapAlert, CapTerms, CapUse, Kept


class MoneyJournal(Protocol):
    """A cap whose period is over (`CapTerms.until`) is no more in `caps` and `cap_uses`; what runs hold of it
    is settled as of any other."""

    async def set_cap(
        self, workspace_id: str, scope: str, limit_micros: int | None, terms: CapTerms = HARD
    ) -> None:
        """Keeps what the cap has granted; None lifts it. A cap that is set again still counts what it
        had granted before, for runs may hold it yet. Thresholds that the new limit is beyond already are told
        at once."""
        ...

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        """Grant allotment (run_id, n), an amount of each scope: all or nothing, cap rows locked in scope
        order; the same (run_id, n) again answers as the first time. False when a hard cap would be passed. A
        scope that never had a cap grants anything and nothing is held of it. Thresholds that are reached with
        this are noted in the same transaction, each once."""
        ...

    async def charge(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> None:
        """`allot`, of what is spent already: every cap bears it, also beyond its limit."""
        ...

    async def held(self, run_id: str) -> dict[str, int]:
        """What a run holds of each scope, its cost included; only its owner may rely on it."""
        ...

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        """Give back what the run holds beyond `kept` by its allotments up to number `upto`. Nothing
        happens when the run is no longer at `seq`; doing it again changes nothing."""
        ...

    async def settle_call(self, call_id: str, kept: Kept) -> None:
        """As `settle`, of a call outside of runs, which draws under its own id and has ended: it gives
        nothing back after that."""
        ...

    async def unsettled(self, limit: int) -> list[str]:
        """Parked and ended runs that drew on caps and were not settled since they rest."""
        ...

    async def holders(self, workspace_id: str, limit: int) -> list[str]:
        """Runs that may yet give something back."""
        ...

    async def cap_uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        """The workspace's caps at one moment. Other runs may give back what they hold from their first
        allotment on until they are settled at rest, or with all of it spent."""
        ...

    async def caps(self, workspace_id: str) -> list[Cap]: ...

    async def note_refusal(self, workspace_id: str, scope: str) -> None:
        """This hard cap has refused a call: it has come to its limit, as far as anybody can use it."""
        ...

    async def cap_alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> list[CapAlert]:
        """The newest first; of one `scope` and its periods, or of all."""
        ...

    async def claim_alerts(self, *, again_after: float, limit: int) -> list[CapAlert]:
        """Of all workspaces: what the bus has not had yet. Nobody else gets these for so many seconds; after
        that whoever took them is taken for dead."""
        ...

    async def alert_told(self, alert: CapAlert) -> None: ...

    async def forget_caps(self, before: str) -> None:
        """Caps whose periods were over before that time, and their alerts."""
        ...
