"""Sees what a process without a network sends anyhow, past the proxy, and tells the platform whom that was for.

In such a network every address is loopback's own: what is sent is refused at once, and passes here on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import Optional, Tuple

from . import linux

_IGNORE_PINGS = ("/proc/sys/net/ipv4/icmp_echo_ignore_all", "/proc/sys/net/ipv6/icmp/echo_ignore_all")
_ETH_P_ALL, _PACKET_OUTGOING = 3, 4
_TCP, _UDP, _PINGS = 6, 17, (1, 58)
_SYN, _SYN_OR_ACK = 0x02, 0x12
_DNS, _ECHO = 53, 7
_AGAIN_AFTER_S = 1.0  # resolvers and clients ask several times for the same
_TOLD_WITHIN_S, _TRIES = 5.0, 20
_KEPT = 1000
# Classic BPF over the IP header: not what is for 127.0.0.0/8, questions for names excepted, nor what is for ::1.
_FILTER = (
    (0x30, 0, 0, 0),  # version
    (0x54, 0, 0, 0xF0),
    (0x15, 0, 5, 0x40),
    (0x30, 0, 0, 16),  # first byte of an IPv4 address
    (0x15, 0, 12, 127),
    (0xB1, 0, 0, 0),
    (0x48, 0, 0, 2),  # port
    (0x15, 9, 8, _DNS),
    (0x20, 0, 0, 24),  # the four words of an IPv6 address
    (0x15, 0, 7, 0),
    (0x20, 0, 0, 28),
    (0x15, 0, 5, 0),
    (0x20, 0, 0, 32),
    (0x15, 0, 3, 0),
    (0x20, 0, 0, 36),
    (0x15, 0, 1, 1),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF),
)
Place = Tuple[str, int]


def begin() -> "Optional[socket.socket]":
    """Leads all addresses to loopback and listens there; None where that cannot be: then nothing is seen.

    Pings would be answered by this network itself, and look as if they had left: they are not answered.
    """
    try:
        for path in _IGNORE_PINGS:
            with contextlib.suppress(FileNotFoundError), open(path, "w", encoding="ascii") as file:
                file.write("1")
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        linux.attach_filter(heard, _FILTER)
        heard.bind(("lo", 0))
        heard.setblocking(False)
        linux.take_every_address(socket.AF_INET)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a machine without IPv6
        linux.take_every_address(socket.AF_INET6)
    return heard


async def tell(heard: socket.socket, door: str, who: str) -> None:
    """Tells the platform, by its door, of everything that is heard, for ever: it lists what it refuses."""
    loop = asyncio.get_running_loop()
    told: dict[Place, float] = {}
    while True:
        ready = loop.create_future()
        loop.add_reader(heard, ready.set_result, None)
        await ready
        loop.remove_reader(heard)
        packet, where = heard.recvfrom(65535)
        place = destination(packet) if where[2] == _PACKET_OUTGOING else None
        now = time.monotonic()
        if place and now - told.get(place, -_AGAIN_AFTER_S) >= _AGAIN_AFTER_S:
            if len(told) >= _KEPT:
                told.clear()
            told[place] = now
            await _tell_one(door, place, who)


async def _tell_one(door: str, place: Place, who: str) -> None:
    """Tells of one; tries again for a while when nobody listens, for a platform may be starting anew."""
    for _ in range(_TRIES):
        try:
            await asyncio.wait_for(_ask(door, place, who), _TOLD_WITHIN_S)
            return
        except (OSError, asyncio.TimeoutError):
            await asyncio.sleep(_AGAIN_AFTER_S)


async def _ask(door: str, place: Place, who: str) -> None:
    """Asks the platform's proxy for a host, as the process would have done had it known of a proxy."""
    host = "[%s]" % place[0] if ":" in place[0] else place[0]
    reader, writer = await asyncio.open_unix_connection(door)
    try:
        request = "%s\nCONNECT %s:%d HTTP/1.1\r\n\r\n" % (who, host, place[1])
        writer.write(request.encode())
        await reader.readline()
    finally:
        writer.close()


def destination(packet: bytes) -> "Optional[Place]":
    """Returns whom a packet is for: the name that a question is about, port 53; or address and port, 7 for a ping.

    None for what asks nobody anything: answers, and what no program has sent.
    """
    try:
        if packet[0] >> 4 == 4:
            protocol, family, address, rest = packet[9], socket.AF_INET, packet[16:20], packet[4 * (packet[0] & 15) :]
        else:
            protocol, family, address, rest = packet[6], socket.AF_INET6, packet[24:40], packet[40:]
        host = socket.inet_ntop(family, address)
        if protocol == _TCP:
            return (host, struct.unpack_from("!H", rest, 2)[0]) if rest[13] & _SYN_OR_ACK == _SYN else None
        if protocol == _UDP:
            port = struct.unpack_from("!H", rest, 2)[0]
            return (_question(rest[8:]) or host if port == _DNS else host, port)
        return (host, _ECHO) if protocol in _PINGS and rest[0] in (8, 128) else None
    except (IndexError, struct.error, ValueError):
        return None


def _question(message: bytes) -> str:
    """Returns the name that a DNS message asks for, "" if it does not."""
    labels, at = [], 12
    while at < len(message) and message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    name = b".".join(labels)
    return name.decode("ascii") if name and all(33 <= byte < 127 for byte in name) else ""
