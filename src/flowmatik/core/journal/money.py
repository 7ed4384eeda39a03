"""Shared caps in memory: what runs drew from each cap, so that they can give it back."""

from collections.abc import Sequence

from flowmatik.core.journal.port import Cap
from flowmatik.kernel.errors import InvalidInput


def checked_amount(name: str, micros: int) -> int:
    """`micros`, or InvalidInput when it is negative: a negative grant would raise a cap."""
    if micros < 0:
        raise InvalidInput(
            f"{name} is {micros} micro-dollars; it must be 0 or more",
            code="input.amount",
            context={"name": name, "micros": micros},
        )
    return micros


class MemoryCaps:
    """Caps, allotments by (run, n) and what each run holds of each scope."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], int] = {}
        self._granted: dict[tuple[str, str], int] = {}
        self._answers: dict[tuple[str, int], bool] = {}
        self._held: dict[str, dict[tuple[str, str], int]] = {}
        self._holders: set[str] = set()  # not settled since their end

    def set_cap(self, workspace_id: str, scope: str, limit_micros: int | None) -> None:
        key = (workspace_id, scope)
        if limit_micros is None:
            self._limits.pop(key, None)
            self._granted.pop(key, None)
            return
        self._limits[key] = checked_amount(f"the limit of {scope!r}", limit_micros)
        self._granted.setdefault(key, 0)

    def allot(self, workspace_id: str, run_id: str, n: int, scopes: Sequence[str], amount: int) -> bool:
        checked_amount("the allotment", amount)
        answer = self._answers.get((run_id, n))
        if answer is not None:
            return answer
        capped = [key for scope in set(scopes) if (key := (workspace_id, scope)) in self._limits]
        answer = all(self._granted[key] + amount <= self._limits[key] for key in capped)
        self._answers[run_id, n] = answer
        self._holders.add(run_id)
        if answer:
            held = self._held.setdefault(run_id, {})
            for key in capped:
                self._granted[key] += amount
                held[key] = held.get(key, 0) + amount
        return answer

    def held(self, run_id: str) -> int:
        return min((amount for amount in self._held.get(run_id, {}).values() if amount), default=0)

    def holders(self) -> list[str]:
        return sorted(self._holders)

    def settle(self, run_id: str, cost: int, *, ended: bool) -> None:
        """Keep `cost` of each scope and give back the rest."""
        held = self._held.get(run_id, {})
        for key, amount in held.items():
            back = max(amount - cost, 0)
            if key in self._granted:
                self._granted[key] = max(self._granted[key] - back, 0)
            held[key] = amount - back
        if ended:
            self._holders.discard(run_id)

    def surplus(self, run_id: str, cost: int) -> bool:
        return any(amount > cost for amount in self._held.get(run_id, {}).values())

    def caps(self, workspace_id: str) -> list[Cap]:
        return [
            Cap(scope=scope, limit_micros=limit, granted_micros=self._granted[workspace, scope])
            for (workspace, scope), limit in sorted(self._limits.items())
            if workspace == workspace_id
        ]
