"""Which addresses a webhook may go to: public ones by https; on a development chain this machine's loopback too.

Knows no network. An address that somebody else chose must never reach what only this machine can reach.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from entrepot.core.errors import Invalid, declare

URL_CHARS_MAX = 500
_PRINTABLE = re.compile(r"[!-~]+\Z")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.?\Z|[0-9a-f:.]+\Z")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Source: IANA special-purpose address registries (RFC 6890 and its updates), and cloud providers' documentation.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's machine metadata
        "::/96", "::ffff:0:0/96",  # IPv4 written as IPv6, mapped or compatible
        "64:ff9b::/96", "64:ff9b:1::/48",  # NAT64
        "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
        "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

declare(
    "Invalid",
    webhook_url_refused="A webhook goes to a public address by https, without credentials in its address.",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address in its parts. `path` has the query; `host` is without brackets."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def target_of(url: str, *, allows_loopback: bool) -> Target:
    """The parts of an address that may be kept. Raises: Invalid(webhook_url_refused)."""
    if len(url) > URL_CHARS_MAX or not _PRINTABLE.match(url) or "\\" in url:
        raise _refused(f"A webhook's address has 1 to {URL_CHARS_MAX} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("This is no address.") from None
    if parts.scheme not in ("https", "http"):
        raise _refused("A webhook's address begins with https://.")
    if "@" in parts.netloc:
        raise _refused("A webhook's address holds no user name or password.")
    if parts.fragment or "#" in url:
        raise _refused("A webhook's address has no part after #.")
    host = (parts.hostname or "").lower()
    if not _HOST.match(host) or port == 0:
        raise _refused("A webhook's address names a host.")
    is_tls = parts.scheme == "https"
    if not is_tls and not allows_loopback:
        raise _refused("A webhook goes by https.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(is_tls, host, port or (443 if is_tls else 80), path)
    literal = literal_address(host)
    if literal is not None:
        require_address(literal, target, allows_loopback=allows_loopback)
    elif host == "localhost" or host.endswith(".localhost"):
        require_address(ipaddress.ip_address("127.0.0.1"), target, allows_loopback=allows_loopback)
    return target


def literal_address(host: str) -> Address | None:
    """The address that a host is written as, None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def require_address(address: Address, target: Target, *, allows_loopback: bool) -> None:
    """Raises: Invalid(webhook_url_refused) unless a webhook may connect to this address."""
    if any(address in network for network in _LOOPBACK if network.version == address.version):
        if allows_loopback:
            return
        raise _refused("A webhook does not go to this machine.")
    if not target.is_tls:
        raise _refused("Only this machine is reached by http; every other address by https.")
    is_special = any(address in network for network in _NEVER if network.version == address.version)
    if is_special or not address.is_global or address.is_multicast or address.is_reserved:
        raise _refused("A webhook goes to a public address only.")


def _refused(why: str) -> Invalid:
    return Invalid("webhook_url_refused", why, path="url")
