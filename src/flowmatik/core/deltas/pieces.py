"""A piece of a call's text, or how far it is, as it goes from the process that makes the call to those that
watch."""

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
    json: bool = False

    @property
    def end(self) -> int:
        return self.at + len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a tool's call is. `last`: nothing follows."""

    call_id: str
    task_id: str
    tool: str
    done: float
    total: float | None = None
    message: str = ""
    last: bool = False


Said = Piece | Step


class Air(Protocol):
    """Between those who speak and those who listen."""

    async def send(self, place: Place, said: Said) -> int:
        """To all who listen at this moment; how many there were. Raises FlowmatikError when it cannot."""
        ...


def text_of(one: Said) -> str:
    said: dict[str, Any] = {"call": one.call_id, "task": one.task_id}
    if isinstance(one, Step):
        said |= {"tool": one.tool, "done": one.done, "total": one.total, "message": one.message}
    else:
        said |= {"at": one.at, "text": one.text} | ({"json": True} if one.json else {})
    return canonical.dumps(said | ({"last": True} if one.last else {}))


def said_in(text: str) -> Said | None:
    """None for what another version says."""
    try:
        found = cast("dict[str, Any]", canonical.loads(text))
        call, task, last = str(found["call"]), str(found["task"]), bool(found.get("last"))
        if "done" in found:
            total = None if found["total"] is None else float(found["total"])
            tool, done, message = str(found["tool"]), float(found["done"]), str(found["message"])
            return Step(
                call_id=call, task_id=task, tool=tool, done=done, total=total, message=message, last=last
            )
        return Piece(
            call_id=call,
            task_id=task,
            at=int(found["at"]),
            text=str(found["text"]),
            last=last,
            json=bool(found.get("json")),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
