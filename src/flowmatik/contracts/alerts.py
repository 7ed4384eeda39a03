"""Alerts that leave the installation: webhooks which hear of budgets that come to a threshold and of model
deployments that are left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

AlertKind = Literal["budget", "breaker"]
ALERT_KINDS: tuple[AlertKind, ...] = ("budget", "breaker")
BREAKER_EVENT = "flowmatik.DeploymentLeftAlone"
TEST_EVENT = "flowmatik.AlertTest"
MOST_HOOKS = 20  # of a workspace
MOST_ATTEMPTS = 9
SECRETS = "env:ALERTS_"  # how every reference begins: no other secret can be sent to somebody's address
DeliveryState = Literal["due", "told", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlertHook:
    """`url`: https, or a reference to it (`env:ALERTS_…`) where the address is itself a secret. `secret`: a
    reference to what is signed with. `kinds`: of what it hears. `language`: of the sentence in each alert,
    `en` or `es`. `allow_private`: it may lie in a private network, and be plain http there."""

    url: str
    secret: str
    kinds: tuple[str, ...] = ALERT_KINDS
    language: str = "en"
    allow_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHook:
    id: str
    url: str
    secret: str
    kinds: tuple[AlertKind, ...]
    language: str
    allow_private: bool
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDelivery:
    """One alert for one hook. `state`: `due` at `next_at`, `told`, or `failed` after MOST_ATTEMPTS.
    `status`: of the last answer, 0 without one; `error` is a code and `message` its English, "" for what was
    told."""

    event_id: str
    type: str
    subject: str
    state: DeliveryState
    attempts: int
    at: str
    next_at: str
    status: int = 0
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTest:
    """What came of one alert that says it is none."""

    ok: bool
    milliseconds: int
    status: int = 0
    error: str = ""
    message: str = ""


class AlertHooks(Protocol):
    """For administrators, of one workspace. Alerts are signed as Standard Webhooks has it
    (https://github.com/standard-webhooks/standard-webhooks, 1.0), sent at least once and again with growing
    pauses; `webhook-id` is the same each time. Raises NotFound (`not_found.alert_hook`)."""

    async def list(self, workspace_id: str) -> Sequence[AlertHook]:
        """The oldest first."""
        ...

    async def add(self, workspace_id: str, new: NewAlertHook) -> AlertHook:
        """It hears what happens from now on. Raises InvalidInput (`input.alert_hook`), which names the field
        and what may stand there; Conflict (`conflict.alert_hooks`) above MOST_HOOKS."""
        ...

    async def remove(self, workspace_id: str, hook_id: str) -> None:
        """With what it has not been told yet."""
        ...

    async def test(self, workspace_id: str, hook_id: str) -> AlertTest: ...

    async def deliveries(
        self, workspace_id: str, hook_id: str, *, limit: int = 50
    ) -> Sequence[AlertDelivery]:
        """The newest first; what was told is kept for 30 days."""
        ...
