"""Which addresses of the network a program may be led to by a document or a server that is not its own.

An address that a name stands for is looked at, not the name: names may stand for anything, and for something
else a moment later, so whoever connects must use the very address that was looked at.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def addresses_of(host: str, port: int) -> list[str]:
    """What the system says that `host` stands for, in its order. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_public(text: str) -> bool:
    """Whether the address is one of the open internet: neither this machine's nor a private network's nor
    one of a cloud's metadata, also when it is wrapped in IPv6 (RFC 4291, 6052, 3056)."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, as two addresses are compared. Raises ValueError for what is no address of
    the web, or holds a user."""
    parts = urlsplit(url)
    port = parts.port  # raises for one that is none
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"{parts.scheme}://… is no address of the web without a user in it")
    return parts.scheme, parts.hostname.lower(), port or (443 if parts.scheme == "https" else 80)
