"""A piece of a call's text, as it goes from the process that makes the call to those that watch."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from flowmatik.kernel import canonical


class Place(NamedTuple):
    """A run in its workspace: what is said of one is never heard in another."""

    workspace_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """`text` follows `at` characters of the call; "" only asks who listens. `last`: nothing follows."""

    call_id: str
    task_id: str
    at: int
    text: str
    last: bool = False

    @property
    def end(self) -> int:
        return self.at + len(self.text)


class Air(Protocol):
    """Between those who speak and those who listen."""

    async def send(self, place: Place, piece: Piece) -> int:
        """To all who listen at this moment; how many there were. Raises FlowmatikError when it cannot."""
        ...


def text_of(piece: Piece) -> str:
    said = {"call": piece.call_id, "task": piece.task_id, "at": piece.at, "text": piece.text}
    return canonical.dumps(said | ({"last": True} if piece.last else {}))


def piece_in(text: str) -> Piece | None:
    """None for what another version says."""
    try:
        found = cast("dict[str, Any]", canonical.loads(text))
        return Piece(
            call_id=str(found["call"]),
            task_id=str(found["task"]),
            at=int(found["at"]),
            text=str(found["text"]),
            last=bool(found.get("last")),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
