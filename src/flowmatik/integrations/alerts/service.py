"""Webhooks for alerts: what administrators do with them, what is noted for them, and the telling."""

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from flowmatik.contracts.alerts import (
    ALERT_KINDS,
    SECRETS,
    TEST_EVENT,
    AlertDelivery,
    AlertHook,
    AlertTest,
    NewAlertHook,
)
from flowmatik.integrations.alerts.sending import Sender
from flowmatik.integrations.alerts.store import Due, HookStore
from flowmatik.integrations.alerts.words import LANGUAGES
from flowmatik.kernel.addresses import origin_of
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.events import CloudEvent
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)
AT_ONCE = 20
LONGEST = 2000


class StoredAlertHooks:
    """Implements `AlertHooks`."""

    def __init__(self, store: HookStore, sender: Sender, clock: Clock) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock

    async def list(self, workspace_id: str) -> Sequence[AlertHook]:
        return await self._store.hooks(workspace_id)

    async def add(self, workspace_id: str, new: NewAlertHook) -> AlertHook:
        check(new)
        return await self._store.add(workspace_id, new)

    async def remove(self, workspace_id: str, hook_id: str) -> None:
        await self._store.remove(workspace_id, hook_id)

    async def deliveries(
        self, workspace_id: str, hook_id: str, *, limit: int = 50
    ) -> Sequence[AlertDelivery]:
        return await self._store.deliveries(workspace_id, hook_id, limit)

    async def test(self, workspace_id: str, hook_id: str) -> AlertTest:
        hook = await self._store.hook(workspace_id, hook_id)
        event = CloudEvent(
            id=new_id("evt"),
            source=f"/workspaces/{workspace_id}/alerts",
            type=TEST_EVENT,
            time=self._clock.now().isoformat(),
            subject=hook.id,
            workspace_id=workspace_id,
            data={},
        )
        begun = self._clock.monotonic()
        sent = await self._sender.send(hook, event)
        return AlertTest(
            ok=not sent.error,
            milliseconds=round((self._clock.monotonic() - begun) * 1000),
            status=sent.status,
            error=sent.error,
            message=sent.message,
        )

    async def hear(self, event: CloudEvent) -> None:
        """An alert of a budget, from the bus, which tells it again until it is noted."""
        await self._store.note(event, "budget", event.workspace_id)

    async def tell(self) -> None:
        """All that is due, in as many processes as want to: each alert in one of them."""
        while found := await self._store.due(AT_ONCE):
            await asyncio.gather(*map(self._tell, found))

    async def forget(self) -> None:
        await self._store.forget_old()

    async def _tell(self, due: Due) -> None:
        sent = await self._sender.send(due.hook, due.event)
        if not sent.error:
            await self._store.told(due, sent.status)
            return
        again = await self._store.refused(due, (sent.status, sent.error, sent.message))
        fields = {"workspace": due.workspace_id, "hook": due.hook.id, "event": due.event.id}
        log.warning(
            "an alert was not taken; it is sent again" if again else "an alert was never taken",
            extra={**fields, "error": sent.error, "status": sent.status, "attempts": due.attempts + 1},
        )


def check(new: NewAlertHook) -> None:
    """Raises InvalidInput (`input.alert_hook`)."""
    if not new.url.startswith(SECRETS):
        try:
            scheme = origin_of(new.url)[0] if len(new.url) <= LONGEST and new.url.isprintable() else ""
        except ValueError:
            scheme = ""
        if not scheme or urlsplit(new.url).fragment or " " in new.url:
            raise _wrong("url", f"an address of the web without a user in it, or {SECRETS}NAME")
        if scheme != "https" and not new.allow_private:
            raise _wrong("url", "https; plain http only with --allow-private")
    for field, reference in (("url", new.url), ("secret", new.secret)):
        name = reference.removeprefix("env:")
        is_reference = reference.startswith(SECRETS) and len(reference) > len(SECRETS)
        if (field == "secret" or reference.startswith("env:")) and not (
            is_reference and name.replace("_", "").isalnum() and name.isascii() and len(name) <= 200
        ):
            raise _wrong(field, f"a reference {SECRETS}NAME to a variable of the server, never the secret")
    if not new.kinds or len(set(new.kinds)) < len(new.kinds) or not {*new.kinds} <= {*ALERT_KINDS}:
        raise _wrong("kinds", f"one or more of {', '.join(ALERT_KINDS)}")
    if new.language not in LANGUAGES:
        raise _wrong("language", f"one of {', '.join(LANGUAGES)}")


def _wrong(field: str, allowed: str) -> InvalidInput:
    """What was given is not repeated: it may be the secret itself."""
    return InvalidInput(
        f"{field} of a webhook for alerts cannot be that; it may be {allowed}",
        code="input.alert_hook",
        context={"field": field, "allowed": allowed},
    )
