"""Which secrets are known: of our settings, of variables, of the providers' own files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from fairmind_sync.providers.secrets import secrets_of
from fairmind_sync.settings import Settings, load_settings

KEY = "0123456789abcdef0123456789abcdef01234567"
PASSWORD = "pa55word"  # noqa: S105 no secret


def secrets_in(settings: Settings, **variables: str) -> tuple[str, ...]:
    return secrets_of(settings, variables)


def test_the_api_key_is_a_secret() -> None:
    assert secrets_in(Settings(wandb_api_key=SecretStr(KEY))) == (KEY,)


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_no_key_is_no_secret(key: SecretStr | None) -> None:
    assert secrets_in(Settings(wandb_api_key=key)) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_SECRET_ACCESS_KEY", KEY), ("HTTPS_PROXY", f"http://me:{KEY}@proxy:3128")],
)
def test_a_variable_of_somebody_else_may_hold_a_secret(name: str, value: str) -> None:
    assert secrets_in(Settings(), PATH="/bin", **{name: value}) == (KEY,)


def test_a_variable_without_a_value_or_an_address_holds_no_secret() -> None:
    assert secrets_of(Settings(), {"A": None, "B": "", "C": "ann:pw@h", "PASSWORD": ""}) == ()


def test_a_secret_in_the_env_file_is_known(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"MLFLOW_TRACKING_PASSWORD={KEY}\n")
    assert KEY in secrets_of(load_settings())


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".netrc", f"machine api.wandb.ai login user password {KEY}\n"),
        (".mlflow/credentials", f"[mlflow]\nmlflow_tracking_password = {KEY}\n"),
    ],
)
def test_a_secret_in_a_providers_own_file_is_known(tmp_path: Path, file: str, line: str) -> None:
    place = tmp_path / "home" / file
    place.parent.mkdir(parents=True)
    place.write_text(line)
    place.chmod(0o600)
    assert secrets_in(Settings()) == (KEY,)


@pytest.mark.parametrize("file", [".netrc", ".mlflow/credentials"])
def test_a_providers_file_that_makes_no_sense_holds_no_secret(tmp_path: Path, file: str) -> None:
    place = tmp_path / "home" / file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\xff what is this")
    assert secrets_in(Settings()) == ()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:pa55word@h/d",
        "postgresql+psycopg://h/d?password=pa55word",
        "postgresql+psycopg://h/d?sslpassword=pa%35%35word",
    ],
)
def test_a_password_of_the_database_is_a_secret(url: str) -> None:
    assert PASSWORD in secrets_in(Settings(database_url=url))
