"""Opens an MLflow store that is no HTTP server (database, folder, plugin): checks a database first, names a
missing package or driver.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _verify_schema
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.redaction import redact

_PLUGINS = {"arn": "sagemaker-mlflow", "azureml": "azureml-mlflow"}
"""Schemes of tracking URIs that a plugin of MLflow brings, with the plugin's package."""
_DRIVERS = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""Modules of databases' drivers whose package has another name."""
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def open_client(uri: str) -> MlflowClient:
    """Returns MLflow's client for the store; makes the tables of an empty database, and migrates none.

    Raises:
        ProviderBlockedError: a package is missing, or the store can't be used as it is; the message says what
            to do.
        ProviderOfflineError: the database's server can't be reached.
    """
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme not in _DATABASES:
        return _client(uri, scheme)
    with _one_at_a_time(uri):
        _check_database(uri)
        return _client(uri, scheme)


def _client(uri: str, scheme: str) -> MlflowClient:
    try:
        client = MlflowClient(tracking_uri=uri)
        client._tracking_client.store  # noqa: B018, SLF001 opened at first use, where threads could meet
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except MlflowException as error:
        if "unsupported URI" in str(error):
            raise _unknown(scheme) from error
        raise
    return client


def _unknown(scheme: str) -> ProviderBlockedError:
    package = _PLUGINS.get(scheme)
    what_to_do = (
        f"Run: pip install {package}"
        if package
        else "Install the plugin of MLflow that brings it, or write http://host:port, for example."
    )
    return ProviderBlockedError(
        f"MLFLOW_TRACKING_URI begins with {scheme!r}, which MLflow doesn't know here. {what_to_do}"
    )


def _missing(error: ModuleNotFoundError) -> ProviderBlockedError:
    module = str(error.name)
    return ProviderBlockedError(
        f"MLFLOW_TRACKING_URI needs the module {module}, which is not installed. "
        f"Run: pip install {_DRIVERS.get(module, module)}"
    )


def _check_database(uri: str) -> None:
    """Connects once, as MLflow repeats a connection that fails for minutes; and looks at the tables' version.

    MLflow would migrate tables of an older version that lack one of today's.
    """
    try:
        url = make_url(uri)
        engine = create_engine(url, poolclass=NullPool)
        has_tables = inspect(engine).has_table("alembic_version")
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except ArgumentError as error:
        raise ProviderBlockedError("MLFLOW_TRACKING_URI is no database's address.") from error
    except (OSError, DBAPIError) as error:
        why = redact(str(getattr(error, "orig", error)))
        if uri.startswith("sqlite"):
            raise blocked_file(why) from error
        raise ProviderOfflineError(
            f"the database in MLFLOW_TRACKING_URI can't be reached: {why}"
        ) from error
    if has_tables:
        _require_todays_tables(engine)


def _require_todays_tables(engine: Engine) -> None:
    try:
        _verify_schema(engine)
    except MlflowException as error:
        raise ProviderBlockedError(
            "the database in MLFLOW_TRACKING_URI holds tables of another version of MLflow, or of another "
            "program. If it is MLflow's, back it up and run: mlflow db upgrade <its address>"
        ) from error


def blocked_file(why: str) -> ProviderBlockedError:
    return ProviderBlockedError(
        f"the database file in MLFLOW_TRACKING_URI can't be used: {why}. "
        "Check the file, its folder and their modes."
    )


@contextmanager
def _one_at_a_time(uri: str) -> Iterator[None]:
    """Has processes of one host that would make the tables of one SQLite file do so one after another."""
    file = make_url(uri).database
    if not uri.startswith("sqlite") or not file or file == ":memory:":
        yield
        return
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)  # as MLflow does
        folder = os.open(Path(file).parent, os.O_RDONLY)
    except OSError as error:
        raise blocked_file(str(error)) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
