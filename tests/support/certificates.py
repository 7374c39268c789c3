"""Certificates for servers and clients of tests, made by openssl when they are needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

ANY_HOST = "DNS:localhost,DNS:mlflow.example,DNS:wandb.example,IP:127.0.0.1"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def self_signed(place: Path, name: str, hosts: str = ANY_HOST) -> Path:
    """A file with the certificate of an authority, or of a server that vouches for itself, and its key."""
    made = place / f"{name}.pem"
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={hosts}")
    _openssl("req", "-x509", "-days", "2", *_NEW_KEY, *_into(made), *names)
    return _with_key(made)


def issued(by: Path, name: str, hosts: str = ANY_HOST, days: int = 2) -> Path:
    """A file with a certificate that the authority vouches for, and its key; `days` may be negative."""
    made = by.with_name(f"{name}.pem")
    request = made.with_suffix(".csr")
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={hosts}")
    _openssl("req", *_NEW_KEY, "-keyout", f"{made}.key", "-out", str(request), *names)
    signed = ("-CA", str(by), "-CAkey", str(by), "-copy_extensions", "copy", "-days", str(days))
    _openssl("x509", "-req", "-in", str(request), *signed, "-out", str(made))
    return _with_key(made)


def _into(made: Path) -> tuple[str, ...]:
    return ("-keyout", f"{made}.key", "-out", str(made))


def _with_key(made: Path) -> Path:
    with made.open("a") as file:
        file.write(Path(f"{made}.key").read_text())
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=120)  # noqa: S607 on PATH
