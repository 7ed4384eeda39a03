"""Which version of a channel a thread gets, and how weights change. Pure."""

import hashlib
import math

from flowmatik.contracts.channels import MAX_SHARES, WHOLE, Share, Shares
from flowmatik.kernel.errors import InvalidInput

_SPAN = 2**64


def chosen(name: str, key: str, shares: Shares) -> Share:
    """The share of `key` (a thread, else a run), always the same one.

    Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005): each
    version draws a number for the key, and the highest wins. When weights change, only keys of versions
    that lost weight move, and only to those that gained.
    """
    if len(shares) == 1:
        return shares[0]
    return max(shares, key=lambda share: _score(name, key, share))


def _score(name: str, key: str, share: Share) -> float:
    digest = hashlib.sha256("\0".join((name, share.version, key)).encode("utf-8", "surrogatepass")).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 0.5) / _SPAN  # strictly between 0 and 1
    return share.weight / -math.log(uniform)


def mixed(shares: Shares, version: str, weight: int) -> Shares:
    """`version` with `weight` per cent, the others with the rest, in the proportion that they had. Others too
    small for one per cent are left out. Raises InvalidInput."""
    if not 1 <= weight <= WHOLE:
        raise InvalidInput(
            f"the weight is {weight}; it must be from 1 to {WHOLE} per cent",
            code="input.weight",
            context={"value": weight, "most": WHOLE},
        )
    others = tuple(share for share in shares if share.version != version)
    if weight == WHOLE:
        return (Share(version=version),)
    if not others:
        raise InvalidInput(
            f"the channel has no version beside {version} that could have the other {WHOLE - weight} per "
            "cent; leave the weight out",
            code="input.weight_alone",
            context={"version": version, "rest": WHOLE - weight},
        )
    whole = sum(share.weight for share in others)
    room = WHOLE - weight
    parts = [divmod(share.weight * room, whole) for share in others]
    most_left = sorted(range(len(others)), key=lambda n: -parts[n][1])  # stable: earlier ones first
    extra = set(most_left[: room - sum(part for part, _ in parts)])
    kept = [(share.version, parts[n][0] + (n in extra)) for n, share in enumerate(others)]
    return ordered([*kept, (version, weight)])


def ordered(pairs: list[tuple[str, int]]) -> Shares:
    """The largest first, without those that get nothing. Raises InvalidInput for too many."""
    found = sorted((pair for pair in pairs if pair[1] > 0), key=lambda pair: -pair[1])
    if len(found) > MAX_SHARES:
        raise InvalidInput(
            f"the channel would point at {len(found)} versions; at most {MAX_SHARES} are allowed: let one of "
            "them have all first",
            code="input.shares",
            context={"count": len(found), "most": MAX_SHARES},
        )
    return tuple(Share(version=version, weight=weight) for version, weight in found)
