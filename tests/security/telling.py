"""Servers whose refusals repeat the credentials that a client sent."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from tests.standins import mlflow_proxy
from tests.standins.faults import Fault
from tests.standins.loopback import FaultyHandler, LoopbackServer, json_reply
from tests.standins.mlflow_proxy import MlflowProxy
from tests.standins.wandb import StandInWandb, server


def _tell(handler: FaultyHandler, fault: Fault) -> None:
    header = handler.headers.get("Authorization") or ""
    _, _, encoded = header.partition(" ")
    sent = base64.b64decode(encoded).decode()
    told = f"{sent} ({quote(sent, safe='')}, {encoded}, {header}) may not do that"
    body = {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": told,
        "error": told,
        "errors": [{"message": told}],
    }
    handler.reply(json_reply(body, fault.status))


class _MlflowHandler(mlflow_proxy._Handler):
    def _refused(self, fault: Fault) -> bool:
        _tell(self, fault)
        return True


class _WandbHandler(server._Handler):
    def _refused(self, fault: Fault) -> bool:
        _tell(self, fault)
        return True


class _MlflowProxy(MlflowProxy):
    def start(self) -> None:
        self._server = LoopbackServer(self._port, _MlflowHandler, owner=self)
        self._port = self._server.server_port
        self._server.start()


class _Wandb(StandInWandb):
    def start(self) -> None:
        self._server = LoopbackServer(self._port, _WandbHandler, owner=self)
        self._port = self._server.server_port
        self._server.start()


@contextmanager
def telling_servers(mlflow_uri: str, api_key: str) -> Iterator[tuple[MlflowProxy, StandInWandb]]:
    """In front of a real MLflow server, and W&B's stand-in; each fault is a refusal that tells."""
    proxy, wandb = _MlflowProxy(mlflow_uri), _Wandb({api_key})
    proxy.start()
    wandb.start()
    try:
        yield proxy, wandb
    finally:
        proxy.stop()
        wandb.stop()
