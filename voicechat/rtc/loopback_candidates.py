"""ICE on a machine without a network.

aioice offers no loopback address. With only `lo` up that leaves no candidate at all, and a call to a server on the
same machine hangs for ever without an error. The cure is one function of aioice's, replaced on import: whatever it
finds, or 127.0.0.1 when that is nothing. A machine with a network behaves exactly as before.
"""

from __future__ import annotations

from aioice import ice

_real_host_addresses = ice.get_host_addresses


def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The addresses of this machine's interfaces, or its loopback address when there is no other."""
    found: list[str] = _real_host_addresses(use_ipv4, use_ipv6)
    return found or ["127.0.0.1"]


def install() -> None:
    """Make aioice ask us. Doing it twice does no harm."""
    ice.get_host_addresses = host_addresses
