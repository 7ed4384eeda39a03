"""What a call cost, and which provider that went to. Pure."""

from collections.abc import Mapping

from flowmatik.contracts.models import ModelReply
from flowmatik.core import events as ev
from flowmatik.core.cap_scopes import provider_in


def paid_to(call: ev.CallRequested, reply: ModelReply, cost: int) -> dict[str, int] | None:
    """By provider; None where it is the one that answered and no provider's cap bears the call, or when
    nobody can say who was paid what."""
    if reply.paid:
        return parts_of(reply.paid, cost)
    if not any(map(provider_in, call.scopes or ())):
        return None
    provider, slash, _ = (reply.model or call.name).partition("/")
    return {provider: cost} if slash else None


def parts_of(paid: Mapping[str, int], cost: int) -> dict[str, int] | None:
    """None when these are not all the parts of it."""
    return dict(paid) if paid and sum(paid.values()) == cost else None


def settled(call: ev.CallRequested, reply: ModelReply) -> int:
    """What the call cost; when the provider does not say, the worst case of who was asked, or of all."""
    cost = reply.cost_micros
    if cost is None or not (reply.usage.known or reply.paid):
        return call.reserved_micros
    return cost if reply.usage.known or not call.priced else min(cost, call.reserved_micros)
