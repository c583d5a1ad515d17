"""Where a webhook may go. Nothing is sent anywhere that the user has not allowed: by default nowhere, then to this
machine and its own network, and only when that is said too, to others, and these encrypted.

Link-local addresses, and those where clouds give out credentials, are never allowed: services there trust anybody
who asks.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from app.config import WebhookReach
from app.errors import InvalidRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL_CHARS = 2000

#: What an address is made of. Python's parser takes white space and control characters out of it in silence.
_VISIBLE = re.compile(r"[!-~]+")

#: Loopback, and what RFC 1918 and RFC 4193 set aside for private networks.
LOCAL = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    )
)

#: Where Amazon's and Google's clouds give out credentials over IPv6. Both lie in what RFC 4193 sets aside.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254")))


def is_local(address: Address) -> bool:
    """Whether it is this machine or its private network."""
    plain = _plain(address)
    return any(plain in network for network in LOCAL if network.version == plain.version)


def refusal_of(host: str, address: Address, *, reach: WebhookReach, encrypted: bool) -> str | None:
    """Why nothing may be sent to this address of a host; None if it may."""
    if reach is WebhookReach.OFF:
        return "webhooks are off; start the engine with --webhooks local"
    plain, local = _plain(address), is_local(address)
    if plain in METADATA or plain.is_multicast or not (local or plain.is_global):
        return f"{host} has the address {address}, to which nothing is ever sent"
    if local:
        return None
    if reach is not WebhookReach.ANYWHERE:
        why = f"{host} has the address {address}, which is neither this machine nor a private network"
        return f"{why}; allow others with --webhooks anywhere"
    return None if encrypted else f"{host} is not in a private network; use https://"


def check_url(url: str, *, reach: WebhookReach, field: str) -> None:
    """Fail now for an address that can be known to be wrong. Names are looked up when something is sent.

    Raises `InvalidRequest` about the field.
    """
    if reach is WebhookReach.OFF:
        raise InvalidRequest.about(field, "webhooks are off; start the engine with --webhooks local")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # no name has an empty label, or one of more than 63 characters
    except ValueError:
        host = parts = None
    if not _VISIBLE.fullmatch(url):
        host = None
    if parts is None or not host or parts.scheme not in ("http", "https") or parts.username is not None:
        raise InvalidRequest.about(
            field,
            "it has to be an address like http://127.0.0.1:8123/hook, in ASCII, without a user name or white space",
        )
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if why := refusal_of(host, address, reach=reach, encrypted=parts.scheme == "https"):
        raise InvalidRequest.about(field, why)


def _plain(address: Address) -> Address:
    """An IPv4 address that was written as one of IPv6, as itself."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
