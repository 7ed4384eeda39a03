"""Signatures of webhooks as Standard Webhooks 1.0 has them: HMAC-SHA256 of `id.timestamp.body`."""

import base64
import binascii
import hmac
from hashlib import sha256

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """What is written `whsec_` and base64 is that; anything else counts as it stands."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:  # it only looks like one
        return secret.encode()


def signed(secret: str, event_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that say who sent it, and when (Unix seconds)."""
    said = f"{event_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(key_of(secret), said, sha256).digest()).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
