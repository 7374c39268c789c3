"""What an MLflow server's reply means."""

from __future__ import annotations

import json

import pytest

from fairmind_sync.providers.mlflow.http_client import Reply
from fairmind_sync.providers.mlflow.http_replies import read_reply
from fairmind_sync.providers.mlflow.runs_api import MlflowRefusedError, UncertainError

POOL = (
    "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00 "
    "(Background on this error at: https://sqlalche.me/e/21/3o7r)"
)
LOST = (
    "(psycopg2.InterfaceError) connection already closed "
    "(Background on this error at: https://sqlalche.me/e/20/rvf5)"
)
TOO_LONG = (
    "(psycopg2.errors.StringDataRightTruncation) value too long for type character varying(250) "
    "(Background on this error at: https://sqlalche.me/e/20/9h9h)"
)
TWICE = (
    "(sqlite3.IntegrityError) UNIQUE constraint failed: latest_metrics.key "
    "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
)


def refusal(message: str) -> Reply:
    return Reply(400, json.dumps({"error_code": "BAD_REQUEST", "message": message}).encode())


@pytest.mark.parametrize("message", [POOL, LOST], ids=["no connection left", "connection lost"])
def test_a_disturbance_of_the_servers_database_refuses_nothing(message: str) -> None:
    with pytest.raises(UncertainError, match="the MLflow server's database fails the server"):
        read_reply(refusal(message), "runs/log-batch")


@pytest.mark.parametrize("message", [TOO_LONG, TWICE, "no"], ids=["too long", "twice", "words"])
def test_what_the_database_does_not_take_is_refused(message: str) -> None:
    with pytest.raises(MlflowRefusedError):
        read_reply(refusal(message), "runs/log-batch")
