"""MLflow's own variables and files keep their meaning; what is wrong in them blocks, and says what to set."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.test_mlflow import MlflowLab
from tests.standins.faults import Fault
from tests.standins.mlflow_proxy import MlflowProxy

WANDB_KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy) -> MlflowLab:
    lab = MlflowLab(engine, proxy.uri)
    lab.save()
    return lab


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def netrc(tmp_path: Path) -> None:
    """As `wandb login --host http://127.0.0.1:PORT` leaves it, but for the port."""
    file = tmp_path / "home" / ".netrc"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"machine 127.0.0.1 login user password {WANDB_KEY}\n")
    file.chmod(0o600)


@pytest.mark.usefixtures("netrc")
def test_a_key_in_the_netrc_file_is_not_for_mlflow(lab: MlflowLab, proxy: MlflowProxy) -> None:
    assert lab.drain().status == "delivered"
    assert proxy.credentials == {None}


@pytest.mark.usefixtures("netrc")
def test_a_token_is_not_replaced_by_the_netrc_file(lab: MlflowLab, proxy: MlflowProxy) -> None:
    assert lab.drain(MLFLOW_TRACKING_TOKEN="of-mlflow").status == "delivered"  # noqa: S106 nobody's
    assert proxy.credentials == {"Bearer of-mlflow"}


@pytest.mark.parametrize("around", ["\n", " ", "\r\n"])
def test_a_token_loses_the_white_space_around_it(
    lab: MlflowLab, proxy: MlflowProxy, around: str
) -> None:
    assert lab.drain(MLFLOW_TRACKING_TOKEN=f"of-mlflow{around}").status == "delivered"
    assert proxy.credentials == {"Bearer of-mlflow"}


@pytest.mark.usefixtures("netrc")
def test_a_password_is_not_replaced_by_the_netrc_file(lab: MlflowLab, proxy: MlflowProxy) -> None:
    env = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cret"}
    assert lab.drain(**env).status == "delivered"
    assert proxy.credentials == {basic("ann", "s3cret")}


@pytest.mark.usefixtures("netrc")
def test_a_password_in_the_address_is_not_replaced_by_the_netrc_file(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    address = proxy.uri.replace("://", "://ann:s%2Fcret@")
    assert lab.drain(MLFLOW_TRACKING_URI=address).status == "delivered"
    assert proxy.credentials == {basic("ann", "s/cret")}


def test_a_slow_server_is_waited_for_as_long_as_mlflow_is_told(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    proxy.faults.replace([Fault("create", "delay", seconds=3, times=1)])
    assert lab.drain(MLFLOW_HTTP_REQUEST_TIMEOUT="1").last_error_kind == "uncertain"


def test_a_time_out_that_is_no_number_blocks_and_is_named(lab: MlflowLab) -> None:
    record = lab.drain(MLFLOW_HTTP_REQUEST_TIMEOUT="soon")
    state = lab.state()
    assert (record.attempts, state.state) == (0, "blocked")
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" in str(state.reason)


def test_an_experiment_that_mlflow_refuses_blocks_and_is_named(lab: MlflowLab) -> None:
    record = lab.drain(MLFLOW_EXPERIMENT_NAME="n" * 600)
    state = lab.state()
    assert (record.status, record.attempts, state.state) == ("pending", 0, "blocked")
    assert str(state.reason).startswith("MLflow refuses the experiment 'nnn")
    assert "Check MLFLOW_EXPERIMENT_NAME." in str(state.reason)


def test_an_experiment_may_be_named_like_a_path(lab: MlflowLab) -> None:
    assert lab.drain(MLFLOW_EXPERIMENT_NAME="../../etc").status == "delivered"
