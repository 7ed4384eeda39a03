"""Model cascades: cheap models are asked first, and the strong one where they do not do."""

from dataclasses import dataclass
from typing import Literal

Agree = Literal["exact", "json", "text", "tool_calls"]
MAX_CHEAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """`models`: the cheap ones. Several are asked each turn side by side, and what two of them agree on is
    the turn's reply; else `strong` is asked. One alone speaks for the whole task, which `strong` does again
    if it is not verified. `agree`: as what replies are compared; wished tool calls always by their names and
    arguments, and with `tool_calls` nothing else counts. `verify`: a second try is the strong model's."""

    models: tuple[str, ...]
    strong: str
    agree: Agree = "text"
    verify: bool = False

    @property
    def compares(self) -> bool:
        return len(self.models) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeView:
    """What a cascade came to. `cheap_turns` were settled by cheap models, `strong_turns` by the strong one.
    `drafts_micros` is what all calls of cheap models cost, those in vain too; `strong_micros` what the strong
    model would have cost for the turns that they settled, at its price for the tokens of the replies that
    stand; `saved_micros` the difference, below 0 where the cascade cost more. None: a price is unknown."""

    cheap_turns: int = 0
    strong_turns: int = 0
    drafts_micros: int | None = 0
    strong_micros: int | None = 0
    saved_micros: int | None = 0
