"""Shared caps in memory: what runs drew from each cap, so that they can give it back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flowmatik.core.journal.money import checked_amount, checked_amounts, read_thresholds, spelled
from flowmatik.core.journal.money_records import FULL, LIFTED, Cap, CapAlert, CapTerms, CapUse, Kept

Key = tuple[str, str]  # workspace, scope


@dataclass(slots=True, kw_only=True)
class _Row:
    limit: int
    granted: int
    terms: CapTerms


class MemoryCaps:
    """Caps, allotments by (run, n), what each run holds of each scope, and the alerts."""

    def __init__(self) -> None:
        self._rows: dict[Key, _Row] = {}
        self._answers: dict[tuple[str, int], bool] = {}
        self._drawn: dict[str, list[tuple[int, Key, int]]] = {}
        self._holders: dict[str, str] = {}  # run → workspace, while it may give something back
        self._alerts: dict[tuple[str, str, int, int], CapAlert] = {}
        self._claimed: dict[tuple[str, str, int, int], str] = {}

    def set_cap(self, key: Key, limit_micros: int | None, terms: CapTerms, spent: int, at: str) -> None:
        if limit_micros is None:
            if key in self._rows:
                self._rows[key].limit = LIFTED
            return
        limit = checked_amount(f"the limit of {key[1]!r}", limit_micros)
        row = self._rows.setdefault(key, _Row(limit=limit, granted=spent, terms=terms))
        thresholds = read_thresholds(spelled(terms.thresholds))
        row.limit, row.terms = limit, replace(terms, thresholds=thresholds, since=None)
        self._tell(key, at)

    def allot(
        self, what: tuple[str, str, int], amounts: Mapping[str, int], at: str, *, spent: bool = False
    ) -> bool:
        """`what`: workspace, run, number."""
        workspace_id, run_id, n = what
        wanted = {(workspace_id, scope): micros for scope, micros in checked_amounts(amounts).items()}
        answer = self._answers.get((run_id, n))
        if answer is not None:
            return answer
        capped = {key: micros for key, micros in wanted.items() if key in self._rows}
        answer = all(
            spent or row.terms.soft or row.granted + micros <= row.limit
            for key, micros in capped.items()
            if (row := self._rows[key])
        )
        self._answers[run_id, n] = answer
        if answer:
            self._holders[run_id] = workspace_id
            for key, micros in capped.items():
                self._rows[key].granted += micros
                self._drawn.setdefault(run_id, []).append((n, key, micros))
                self._tell(key, at)
        return answer

    def _tell(self, key: Key, at: str) -> None:
        row = self._rows[key]
        for threshold in row.terms.thresholds:
            if row.limit < LIFTED and row.granted > 0 and row.granted * 100 >= row.limit * threshold:
                self._note(key, threshold, at)

    def _note(self, key: Key, threshold: int, at: str) -> None:
        row = self._rows[key]
        alert = CapAlert(
            workspace_id=key[0],
            scope=key[1],
            limit_micros=row.limit,
            threshold=threshold,
            soft=row.terms.soft,
            used_micros=row.granted,
            at=at,
        )
        self._alerts.setdefault((*key, row.limit, threshold), alert)

    def refused(self, key: Key, at: str) -> None:
        row = self._rows.get(key)
        if row is not None and row.limit < LIFTED and FULL in row.terms.thresholds:
            self._note(key, FULL, at)

    def alerts(self, workspace_id: str, scope: str, limit: int) -> list[CapAlert]:
        mine = [
            alert
            for alert in self._alerts.values()
            if alert.workspace_id == workspace_id
            and (not scope or alert.scope == scope or alert.scope.startswith(f"{scope}:"))
        ]
        return sorted(mine, key=lambda one: (one.at, one.scope, one.threshold), reverse=True)[:limit]

    def claim_alerts(self, now: str, before: str, limit: int) -> list[CapAlert]:
        left = [
            (key, alert)
            for key, alert in self._alerts.items()
            if not alert.told_at and self._claimed.get(key, "") < before
        ]
        taken = sorted(left, key=lambda one: (one[1].at, one[1].scope, one[1].threshold))[:limit]
        self._claimed |= {key: now for key, _ in taken}
        return [alert for _, alert in taken]

    def told(self, alert: CapAlert, at: str) -> None:
        key = (alert.workspace_id, alert.scope, alert.limit_micros, alert.threshold)
        if key in self._alerts:
            self._alerts[key] = replace(self._alerts[key], told_at=at)

    def forget_caps(self, before: str) -> None:
        over = [key for key, row in self._rows.items() if row.terms.until and row.terms.until < before]
        for key in over:
            del self._rows[key]
        for place in [place for place in self._alerts if place[:2] in over]:
            del self._alerts[place]

    def forget(self, run_id: str) -> None:
        """What it drew on caps; they keep what was spent."""
        self._drawn.pop(run_id, None)
        for key in [key for key in self._answers if key[0] == run_id]:
            del self._answers[key]

    def held(self, run_id: str, upto: int = LIFTED) -> dict[Key, int]:
        sums: Counter[Key] = Counter()
        for n, key, micros in self._drawn.get(run_id, ()):
            sums[key] += micros if n <= upto else 0
        return {key: micros for key, micros in sorted(sums.items()) if micros}

    def holders(self) -> list[str]:
        return sorted(self._holders)

    def holders_in(self, workspace_id: str, limit: int) -> list[str]:
        return [run for run in self.holders() if self._holders[run] == workspace_id][:limit]

    def uses(self, workspace_id: str, run_id: str, now: str) -> list[CapUse]:
        others: Counter[Key] = Counter()
        marks: dict[Key, str] = {}
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
                soft=cap.terms.soft,
            )
            for cap in self.caps(workspace_id, now)
        ]

    def settle(self, run_id: str, upto: int, kept: Kept, *, at_rest: bool) -> None:
        for key, micros in self.held(run_id, upto).items():
            back = micros - kept.of(key[1])
            if back > 0:
                if row := self._rows.get(key):
                    row.granted = max(row.granted - back, 0)
                self._drawn[run_id].append((-1, key, -back))
        if at_rest or kept.spent:
            self._holders.pop(run_id, None)

    def caps(self, workspace_id: str, now: str) -> list[Cap]:
        return [
            Cap(scope=scope, limit_micros=row.limit, granted_micros=row.granted, terms=row.terms)
            for (workspace, scope), row in sorted(self._rows.items())
            if workspace == workspace_id
            and row.limit != LIFTED
            and (not row.terms.until or row.terms.until > now)
        ]
