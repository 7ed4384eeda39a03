"""What a person is told when a run got a version that is on its way out."""

from typing import Any, cast

from flowmatik.app.cli.session import Session
from flowmatik.kernel.events import CloudEvent


def say_deprecated(session: Session, event: CloudEvent) -> None:
    """Of the event with which a run begins."""
    for one in cast("list[dict[str, Any]]", event.data.get("assigned") or []):
        if one.get("deprecated"):
            ref = f"{one['name']}@{one['version']}"
            session.say("agents.deprecated_used", ref=ref, reason=one.get("reason") or "–")
