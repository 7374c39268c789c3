"""Hosts as network namespaces: each has addresses of its own, and a cable that can be pulled.

Needs root and `ip` (iproute2), on Linux.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

_CLONE_NEWNET = 0x40000000


class Network:
    """A hub, and hosts that are each joined to it by a cable; none of it reaches this machine's network."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._mark = uuid4().hex[:8]
        self._numbers = {host: number for number, host in enumerate(hosts, 1)}
        self._made: list[str] = []

    def make(self) -> None:
        self._add("hub")
        for host, number in self._numbers.items():
            self._add(host)
            cable = ("type", "veth", "peer", "name", "cable", "netns", self._name(host))
            self._ip("hub", "link", "add", host, *cable)
            self._ip("hub", "addr", "add", f"{self.hub_address(host)}/24", "dev", host)
            self._ip(host, "addr", "add", f"10.99.{number}.2/24", "dev", "cable")
            self._ip(host, "link", "set", "cable", "up")
            self.heal(host)

    def remove(self) -> None:
        for name in self._made:
            _run("ip", "netns", "del", name)

    def inside(self, host: str) -> list[str]:
        """What a command line begins with to run there."""
        return ["ip", "netns", "exec", self._name(host)]

    def hub_address(self, host: str) -> str:
        """Where the host finds the hub."""
        if host == "hub":
            return "127.0.0.1"
        return f"10.99.{self._numbers[host]}.1"

    def cut(self, host: str) -> None:
        """No packet gets through any more, and nobody is told."""
        self._ip("hub", "link", "set", host, "down")

    def heal(self, host: str) -> None:
        self._ip("hub", "link", "set", host, "up")

    @contextmanager
    def visitor(self, host: str) -> Iterator[ThreadPoolExecutor]:
        """A thread of this process that is there."""
        with ThreadPoolExecutor(1, initializer=self._enter, initargs=(host,)) as thread:
            yield thread

    def _enter(self, host: str) -> None:
        with open(f"/run/netns/{self._name(host)}", "rb") as there:  # noqa: PTH123 a descriptor is wanted
            if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _add(self, host: str) -> None:
        _run("ip", "netns", "add", self._name(host))
        self._made.append(self._name(host))
        self._ip(host, "link", "set", "lo", "up")

    def _ip(self, host: str, *words: str) -> None:
        _run("ip", "-n", self._name(host), *words)

    def _name(self, host: str) -> str:
        return f"fairmind-{self._mark}-{host}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=240)


@contextmanager
def network(*hosts: str) -> Iterator[Network]:
    made = Network(hosts)
    try:
        made.make()
        yield made
    finally:
        made.remove()
