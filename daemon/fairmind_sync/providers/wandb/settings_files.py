"""Reads W&B's own settings files, and writes one that keeps no more than how to reach W&B.

The files are `settings` in the user's folder of W&B, and in the `wandb` folder of the working directory,
which `wandb offline` writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from pathlib import Path

_SECTION = "default"
_OF_THE_CONNECTION = (
    "app_url",
    "base_url",
    "credentials_file",
    "entity",
    "http_proxy",
    "https_proxy",
    "identity_token_file",
    "insecure_disable_ssl",
    "x_extra_http_headers",
    "x_proxies",
)


def entries(environ: Mapping[str, str]) -> dict[str, tuple[str, Path]]:
    """Returns each setting of the files with the file that it is from; the working directory's come last."""
    found: dict[str, tuple[str, Path]] = {}
    for file in _files(environ):
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(file, encoding="utf-8")
        except (Error, UnicodeDecodeError):
            continue  # the SDK warns of it, and goes on
        if parser.has_section(_SECTION):
            found |= {key: (value, file) for key, value in parser.items(_SECTION)}
    return found


def keep_the_connection(of: Mapping[str, tuple[str, Path]], folder: Path) -> None:
    """Writes a settings file into the folder that holds no more than how to reach W&B."""
    parser = ConfigParser(interpolation=None)
    kept = {key: value for key, (value, _) in of.items() if key in _OF_THE_CONNECTION}
    parser[_SECTION] = kept
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "settings"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        parser.write(stream)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    users = environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb"
    yield Path(users).expanduser() / "settings"
    place = Path(environ.get("WANDB_DIR") or ".")
    for folder in (".wandb", "wandb"):
        if (place / folder).is_dir():
            yield place / folder / "settings"
            return
