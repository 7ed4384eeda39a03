"""Waiting: what an open wait looks like, and how people and programs end one."""

from dataclasses import dataclass
from typing import Any, Protocol

MAX_SIGNAL_BYTES = 1_048_576
MAX_SIGNALS = 1_000  # to one run; those that come at the same moment may pass it by a few
MAX_SIGNALS_BYTES = 16 * 1_048_576  # of all of them, as they are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWait:
    """`due_at`: when a wait for a time ends, or when one for something else has waited long enough ("" for
    never). `address`: where a webhook is called, below the server's; whoever knows it may end the wait."""

    wait_id: str
    kind: str
    task_id: str
    name: str = ""
    due_at: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """The wait that a webhook's token stands for."""

    workspace_id: str
    run_id: str
    wait_id: str


class RunSignals(Protocol):
    async def signal(
        self, workspace_id: str, run_id: str, name: str, data: Any, *, idempotency_key: str = ""
    ) -> None:
        """Tell a run something: `data` (JSON of at most MAX_SIGNAL_BYTES) becomes the output of the task
        that waits for a signal of this name, the one that began to wait first; else the run keeps it for the
        next that does, in the order in which signals came. The same `idempotency_key` is the same signal.

        A run is sent at most MAX_SIGNALS, of MAX_SIGNALS_BYTES together.

        Raises NotFound (`not_found.run`), Conflict (`conflict.run_ended`, `conflict.signal_key`,
        `conflict.signals_full`), InvalidInput (`input.signal…`)."""
        ...


class WebHooks(Protocol):
    async def receive(self, token: str, data: Any) -> None:
        """What somebody sent to a webhook's address ends the wait, once.

        Raises NotFound (`not_found.hook`), Conflict (`conflict.hook_used`), InvalidInput
        (`input.signal…`)."""
        ...


class HookTokens(Protocol):
    """The tokens of webhooks: nobody can make one up."""

    def issue(self, hook: Hook) -> str: ...

    def read(self, token: str) -> Hook | None:
        """None for a token that was not issued here."""
        ...
