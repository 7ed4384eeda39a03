"""Which provider a call's cost went to. Pure."""

from flowmatik.contracts.models import ModelReply
from flowmatik.core import events as ev
from flowmatik.core.cap_scopes import provider_in


def paid_to(call: ev.CallRequested, reply: ModelReply, cost: int) -> dict[str, int] | None:
    """By provider; None where no provider's cap bears the call, or when nobody can say who was paid what."""
    if not any(map(provider_in, call.scopes or ())):
        return None
    if reply.paid:
        return dict(reply.paid) if sum(reply.paid.values()) == cost else None
    provider, slash, _ = (reply.model or call.name).partition("/")
    return {provider: cost} if slash else None
