"""Shared caps in memory: what runs drew from each cap, so that they can give it back."""

from collections import Counter
from collections.abc import Mapping

from flowmatik.core.journal.port import Cap, CapUse, Kept
from flowmatik.kernel.errors import InvalidInput

LIFTED = 2**63 - 1  # the limit of a cap that holds nobody and goes on counting


def checked_amount(name: str, micros: int) -> int:
    """`micros`, or InvalidInput when it is negative: a negative grant would raise a cap."""
    if micros < 0:
        raise InvalidInput(
            f"{name} is {micros} micro-dollars; it must be 0 or more",
            code="input.amount",
            context={"name": name, "micros": micros},
        )
    return micros


def checked_amounts(amounts: Mapping[str, int]) -> dict[str, int]:
    """In lock order."""
    return {
        scope: checked_amount(f"the allotment of {scope!r}", micros)
        for scope, micros in sorted(amounts.items())
    }


class MemoryCaps:
    """Caps, allotments by (run, n) and what each run holds of each scope."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], int] = {}
        self._granted: dict[tuple[str, str], int] = {}
        self._answers: dict[tuple[str, int], bool] = {}
        self._drawn: dict[str, list[tuple[int, tuple[str, str], int]]] = {}
        self._holders: dict[str, str] = {}  # run → workspace, while it may give something back

    def set_cap(self, workspace_id: str, scope: str, limit_micros: int | None, spent: int = 0) -> None:
        key = (workspace_id, scope)
        if limit_micros is None:
            if key in self._limits:
                self._limits[key] = LIFTED
            return
        self._limits[key] = checked_amount(f"the limit of {scope!r}", limit_micros)
        self._granted.setdefault(key, spent)

    def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        wanted = {(workspace_id, scope): micros for scope, micros in checked_amounts(amounts).items()}
        answer = self._answers.get((run_id, n))
        if answer is not None:
            return answer
        capped = {key: micros for key, micros in wanted.items() if key in self._limits}
        answer = all(self._granted[key] + micros <= self._limits[key] for key, micros in capped.items())
        self._answers[run_id, n] = answer
        if answer:
            self._holders[run_id] = workspace_id
            for key, micros in capped.items():
                self._granted[key] += micros
                self._drawn.setdefault(run_id, []).append((n, key, micros))
        return answer

    def forget(self, run_id: str) -> None:
        """What it drew on caps; they keep what was spent."""
        self._drawn.pop(run_id, None)
        for key in [key for key in self._answers if key[0] == run_id]:
            del self._answers[key]

    def held(self, run_id: str, upto: int = LIFTED) -> dict[tuple[str, str], int]:
        sums: Counter[tuple[str, str]] = Counter()
        for n, key, micros in self._drawn.get(run_id, ()):
            sums[key] += micros if n <= upto else 0
        return {key: micros for key, micros in sorted(sums.items()) if micros}

    def holders(self) -> list[str]:
        return sorted(self._holders)

    def uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        others: Counter[tuple[str, str]] = Counter()
        marks: dict[tuple[str, str], str] = {}
        for run in sorted(self._holders.keys() - {run_id}):
            others.update(self.held(run))
            marks |= {key: f"{run} {len(self._drawn[run])}" for key in self.held(run)}
        return [
            CapUse(
                scope=cap.scope,
                limit_micros=cap.limit_micros,
                granted_micros=cap.granted_micros,
                others_micros=others[workspace_id, cap.scope],
                mark=marks.get((workspace_id, cap.scope), ""),
            )
            for cap in self.caps(workspace_id)
        ]

    def settle(self, run_id: str, upto: int, kept: Kept, *, at_rest: bool) -> None:
        for key, micros in self.held(run_id, upto).items():
            back = micros - kept.of(key[1])
            if back > 0:
                self._granted[key] = max(self._granted[key] - back, 0)
                self._drawn[run_id].append((-1, key, -back))
        if at_rest or kept.spent:
            self._holders.pop(run_id, None)

    def caps(self, workspace_id: str) -> list[Cap]:
        return [
            Cap(scope=scope, limit_micros=limit, granted_micros=self._granted[workspace, scope])
            for (workspace, scope), limit in sorted(self._limits.items())
            if workspace == workspace_id and limit != LIFTED
        ]
