"""Makes a conversation fit a window: pure functions over messages.

What is never left out: system messages, the first message of a person (the goal), the last one, and the
newest exchange. Of the rest the oldest goes first, in whole exchanges: an assistant's call of tools goes with
their results. Exchanges go in steps, so that what is left begins alike from call to call, and the provider's
own cache of prompts is of use. Where that is not enough, long results of tools are shortened in the middle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flowmatik.contracts.models import Message
from flowmatik.integrations.layers.tokens import tokens_of

STEP = 4  # exchanges that go at once, while there are so many
SHORTEST_RESULT = 400  # characters; shorter results of tools stay whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """`left_out` stood before what is at `at` in `kept`, in order."""

    kept: tuple[Message, ...]
    left_out: tuple[Message, ...] = ()
    at: int = 0
    shortened: int = 0  # characters of results of tools

    def with_note(self, note: str) -> tuple[Message, ...]:
        if not self.left_out:
            return self.kept
        return (*self.kept[: self.at], Message(role="user", content=note), *self.kept[self.at :])


def note_of(cut: Cut, summary: str = "") -> str:
    """For the model: what it does not see."""
    results = sum(1 for message in cut.left_out if message.role == "tool")
    tokens = sum(map(tokens_of, cut.left_out))
    what = f"{len(cut.left_out)} earlier messages ({results} results of tools, about {tokens} tokens)"
    if summary:
        return f"[{what} were left out here because the context is full. In short they said: {summary}]"
    return f"[{what} were left out here because the context is full.]"


def fitted(messages: Sequence[Message], room: int, measured: Callable[[int], int]) -> Cut | None:
    """At most `room` tokens, by the estimate as `measured` corrects it; None when what must stay is too
    long. What is left out makes way for a note of it."""
    whole = Cut(kept=tuple(messages))
    if _size(whole, measured) <= room:
        return whole
    exchanges = _exchanges(messages)
    cut = whole
    for gone in _steps(len(exchanges)):
        cut = _without(messages, exchanges[:gone])
        if _size(cut, measured) <= room:
            return cut
    return _shortened(cut, room, measured)


def _steps(exchanges: int) -> list[int]:
    """How many exchanges go: in steps first, then one by one to the last that can."""
    return [*range(STEP, exchanges + 1, STEP), *([exchanges] if exchanges % STEP else [])]


def _size(cut: Cut, measured: Callable[[int], int]) -> int:
    note = Message(role="user", content=note_of(cut))
    extra = tokens_of(note) if cut.left_out else 0
    return measured(extra + sum(map(tokens_of, cut.kept)))


def _exchanges(messages: Sequence[Message]) -> list[list[int]]:
    """The places of what may go, oldest first."""
    people = [n for n, message in enumerate(messages) if message.role == "user"]
    fixed = {n for n, message in enumerate(messages) if message.role == "system"} | set(
        people[:1] + people[-1:]
    )
    found: list[list[int]] = []
    for n, message in enumerate(messages):
        if n in fixed:
            continue
        if message.role == "tool" and found:
            found[-1].append(n)
        else:
            found.append([n])
    newest = len(messages) - 1
    return found[:-1] if found and newest in found[-1] else found


def _without(messages: Sequence[Message], exchanges: Sequence[Sequence[int]]) -> Cut:
    gone = {n for exchange in exchanges for n in exchange}
    first = min(gone)
    return Cut(
        kept=tuple(message for n, message in enumerate(messages) if n not in gone),
        left_out=tuple(messages[n] for n in sorted(gone)),
        at=first,
    )


def _shortened(cut: Cut, room: int, measured: Callable[[int], int]) -> Cut | None:
    """The longest result of a tool to half, again and again."""
    kept, lost = list(cut.kept), 0
    while True:
        now = replace(cut, kept=tuple(kept), shortened=lost)
        if _size(now, measured) <= room:
            return now
        lengths = [(len(m.content), n) for n, m in enumerate(kept) if m.role == "tool"]
        longest, n = max(lengths, default=(0, 0))
        if longest <= SHORTEST_RESULT:
            return None
        shorter = _middle_out(kept[n].content, longest // 2)
        lost += longest - len(shorter)
        kept[n] = replace(kept[n], content=shorter)


def _middle_out(text: str, most: int) -> str:
    note = "\n[… left out in the middle, because the context is full …]\n"
    half = max((most - len(note)) // 2, 50)
    return text[:half] + note + text[-half:]
