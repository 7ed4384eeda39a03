"""What came of asking cheap models before the strong one."""

from dataclasses import dataclass

DRAFT = "draft"  # the purpose of a cheap model's call in a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsCompared:
    """`models` are those that were asked in the turn, and `said` what each of them came to: `agrees`,
    `differs`, `failed`, `cut`, `refused`, `dear` (its task's cap did not bear the call) or `unusable`. If
    they `agreed`, the reply of `chosen` is the turn's, for which the strong model would have cost
    `strong_micros` (None: unknown); else the strong one is asked. `code`: `agreed`, `differ`, or `alone` when
    fewer than two said anything that can be compared."""

    task_id: str
    turn: int
    agreed: bool
    chosen: str
    models: tuple[str, ...]
    code: str
    said: tuple[str, ...] = ()
    strong_micros: int | None = None
