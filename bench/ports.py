"""Ports for what a bench starts."""

import contextlib
import socket


def free_ports(count: int) -> list[int]:
    """Returns different ports that nobody listens on now."""
    with contextlib.ExitStack() as open_ones:
        probes = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]
