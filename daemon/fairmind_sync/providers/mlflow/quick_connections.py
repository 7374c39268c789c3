"""urllib3 connections that acknowledge packets at once, so that a reply in two packets isn't 40 ms late."""

from __future__ import annotations

import socket
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def install() -> None:
    """Has all pools of this process make such connections from now on, those of requests among them."""
    HTTPConnectionPool.ConnectionCls = _Connection
    HTTPSConnectionPool.ConnectionCls = _TlsConnection


class _AcknowledgesAtOnce:
    """Has urllib3's connections acknowledge packets at once, so that a reply in two packets isn't held up.

    MLflow's server sends head and body apart, without TCP_NODELAY if the server has several workers
    (Kludex/uvicorn#3149), and then waits 40 ms for our acknowledgement. The kernel forgets the option, so the
    option is set for each reply.
    """

    def getresponse(self) -> Any:
        sock = getattr(self, "sock", None)
        if sock is not None and hasattr(socket, "TCP_QUICKACK"):  # Linux has it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().getresponse()  # type: ignore[misc]  # of the connection it is mixed into


class _Connection(_AcknowledgesAtOnce, HTTPConnection):
    pass


class _TlsConnection(_AcknowledgesAtOnce, HTTPSConnection):
    pass


class QuickHttpPool(HTTPConnectionPool):
    """A pool of such connections without TLS."""

    ConnectionCls = _Connection


class QuickHttpsPool(HTTPSConnectionPool):
    """A pool of such connections with TLS."""

    ConnectionCls = _TlsConnection
