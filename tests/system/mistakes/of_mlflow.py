"""Mistakes around MLflow."""

from __future__ import annotations

import sqlite3
from functools import partial
from http import HTTPStatus

from tests.standins.faults import Fault
from tests.standins.loopback import Reply, json_reply
from tests.system.mistakes.mistake import (
    BLOCKED,
    OFFLINE,
    PROXY_AWAY,
    PROXY_OF_SOCKS,
    TO_SIGN_IN,
    Mistake,
    World,
    page,
)


def _of_mlflow(status: int, code: str, message: str) -> Reply:
    return json_reply({"error_code": code, "message": message}, status)


def _refuse(kind: str, status: int, world: World) -> None:
    world.proxy.faults.replace([Fault(kind, "status", status=status)])


def _be_well(world: World) -> None:
    world.proxy.faults.replace([])


def _write_text(world: World) -> None:
    (world.place / "no-database.db").write_text("no database at all, but some text" * 100)


def _write_old_tables(world: World) -> None:
    with sqlite3.connect(world.place / "old.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('451aebb31d03')")
    connection.close()


def _address(situation: str, uri: str, words: str, state: str = BLOCKED) -> Mistake:
    return Mistake(situation, "mlflow", state, words, {"MLFLOW_TRACKING_URI": uri})


def _answers(situation: str, answer: Reply, words: str, state: str = BLOCKED) -> Mistake:
    return Mistake(situation, "mlflow", state, words, {"MLFLOW_TRACKING_URI": "{impostor}"}, answer)


def _databricks(
    situation: str, answer: Reply, words: str, state: str, name: str = "/Shared/mistakes"
) -> Mistake:
    env = {
        "MLFLOW_TRACKING_URI": "databricks",
        "DATABRICKS_HOST": "{impostor}",
        "DATABRICKS_TOKEN": "nobodys",
        "MLFLOW_EXPERIMENT_NAME": name,
    }
    return Mistake(situation, "mlflow", state, words, env, answer)


def _variable(situation: str, env: dict[str, str], words: str, state: str = BLOCKED) -> Mistake:
    return Mistake(situation, "mlflow", state, words, env)


OF_MLFLOW = (
    _address("no scheme in the address", "localhost:5000", "write http://localhost:5000"),
    _address("the address of a page", "{mlflow}/#/experiments/1", "leave out all from '#' on"),
    _address("an address with a query", "{mlflow}/?a=b", "leave out all from '?' on"),
    _address("a slash in the password", "http://ann:a/b@h:5000", "write %2F, %40"),
    _address("no host in the address", "http:/h", "write http://host:port"),
    _address("a port that is none", "http://h:99999", "is no address"),
    _address("nobody listens there", "http://127.0.0.1:1", "can't be reached", OFFLINE),
    _address("the host is unknown", "http://nowhere.invalid", "can't be reached", OFFLINE),
    _answers("AirPlay on port 5000", Reply(b"", 403, headers={"Server": "AirTunes/1"}), "AirPlay"),
    _answers("a page to sign in", page(200), "is a page, maybe to sign in"),
    _answers(
        "a redirection to sign in",
        TO_SIGN_IN,
        "leads elsewhere (302 to sso.example)",
    ),
    _answers("a gateway's 401", page(401), "a gateway before the MLflow server refuses us"),
    _answers("a gateway's 403", page(403), "a gateway before the MLflow server refuses us"),
    _answers("a proxy's 407", page(407), "the proxy refuses us"),
    _answers("somebody else's 404", page(404), "is no MLflow server"),
    _answers("another service's JSON", json_reply({"ok": True}, 404), "is no MLflow server"),
    _answers("a gateway's 502", page(502), "answers 502", OFFLINE),
    _answers("a gateway's 503", page(503), "answers 503", OFFLINE),
    _answers("429", page(429), "answers 429", OFFLINE),
    _answers("an error of the server", page(500), "answers 500", OFFLINE),
    _answers(
        "no password, for MLflow's own log-in",
        Reply(b"You are not authenticated. Please see ...", 401, "text/html"),
        "refuses our credentials (401",
    ),
    _answers(
        "a user without the right, for MLflow's own log-in",
        Reply(b"Permission denied", 403, "text/html"),
        "that they may edit the experiment",
    ),
    _answers(
        "a token that is refused",
        _of_mlflow(403, "PERMISSION_DENIED", "the token is expired"),
        "refuses our credentials (403: the token is expired)",
    ),
    _answers(
        "the host name is not allowed",
        Reply(b"Invalid Host header - possible DNS rebinding attack detected", 403, "text/plain"),
        "--allowed-hosts",
    ),
    Mistake(
        "runs may not be made",
        "mlflow",
        BLOCKED,
        "a gateway before the MLflow server refuses us",
        spoil=partial(_refuse, "create", HTTPStatus.FORBIDDEN),
        mend=_be_well,
    ),
    Mistake(
        "the experiment may not be edited",
        "mlflow",
        BLOCKED,
        "a gateway before the MLflow server refuses us",
        spoil=partial(_refuse, "experiment", HTTPStatus.FORBIDDEN),
        mend=_be_well,
    ),
    _variable(
        "an experiment's name of 600 characters",
        {"MLFLOW_EXPERIMENT_NAME": "n" * 600},
        "Check MLFLOW_EXPERIMENT_NAME",
    ),
    _variable(
        "a time-out that is no number",
        {"MLFLOW_HTTP_REQUEST_TIMEOUT": "soon"},
        "MLFLOW_HTTP_REQUEST_TIMEOUT must be",
    ),
    _variable(
        "MLFLOW_TRACKING_INSECURE_TLS=yes",
        {"MLFLOW_TRACKING_INSECURE_TLS": "yes"},
        "MLFLOW_TRACKING_INSECURE_TLS",
    ),
    _variable(
        "a file of certificates that is not there",
        {
            "MLFLOW_TRACKING_URI": "https://127.0.0.1:1",
            "MLFLOW_TRACKING_SERVER_CERT_PATH": "{place}/no.pem",
        },
        "no.pem",
    ),
    _variable(
        "both variables for certificates",
        {
            "MLFLOW_TRACKING_INSECURE_TLS": "true",
            "MLFLOW_TRACKING_SERVER_CERT_PATH": "{place}/no.pem",
        },
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
    ),
    _variable(
        "REQUESTS_CA_BUNDLE names no file",
        {"MLFLOW_TRACKING_URI": "https://127.0.0.1:1", "REQUESTS_CA_BUNDLE": "{place}/no.pem"},
        "no.pem",
    ),
    _variable(
        "a workspace on a server without workspaces", {"MLFLOW_WORKSPACE": "team-a"}, "workspace"
    ),
    _variable(
        "a proxy that nobody runs",
        PROXY_AWAY,
        "can't be reached",
        OFFLINE,
    ),
    _variable(
        "a SOCKS proxy without its package",
        PROXY_OF_SOCKS,
        "pip install 'requests[socks]'",
    ),
    _address(
        "a folder of files, which MLflow gave up", "{place}/mlruns", "MLFLOW_ALLOW_FILE_STORE"
    ),
    _address(
        "SageMaker without its plugin",
        "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/a",
        "pip install sagemaker-mlflow",
    ),
    _address("Azure without its plugin", "azureml://x", "pip install azureml-mlflow"),
    _address("a scheme that nobody knows", "htp://h:5000", "Install the plugin of MLflow"),
    _address("a database without its driver", "mysql://u@h/d", "pip install mysqlclient"),
    _address(
        "a database server that is away",
        "postgresql+psycopg://u@127.0.0.1:1/d",
        "can't be reached",
        OFFLINE,
    ),
    Mistake(
        "a file that is no database",
        "mlflow",
        BLOCKED,
        "file is not a database",
        {"MLFLOW_TRACKING_URI": "sqlite:///{place}/no-database.db"},
        spoil=_write_text,
    ),
    Mistake(
        "a database of another version of MLflow",
        "mlflow",
        BLOCKED,
        "mlflow db upgrade",
        {"MLFLOW_TRACKING_URI": "sqlite:///{place}/old.db"},
        spoil=_write_old_tables,
    ),
    _address("a database in a folder that can't be", "sqlite:////proc/a/m.db", "can't be used"),
    _address("Databricks without credentials", "databricks", "Set DATABRICKS_HOST"),
    _address("a profile of Databricks that is not there", "databricks://nobody", "nobody"),
    _databricks("Databricks is away", page(503), "answers 503", OFFLINE),
    _databricks(
        "Databricks refuses the token",
        _of_mlflow(403, "PERMISSION_DENIED", "Invalid access token"),
        "refuses our credentials (403: Invalid access token)",
        BLOCKED,
    ),
    _databricks(
        "an experiment's name that is no path, for Databricks",
        page(200),
        "must begin with /Users/",
        BLOCKED,
        "mistakes",
    ),
)
