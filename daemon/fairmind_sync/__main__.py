"""Where the command `fairmind-sync` begins: runs the command line, or says which extra is not installed."""

from __future__ import annotations

import sys

from fairmind_sync.errors import ExtraNotInstalledError


def main() -> None:
    """Runs the command line; without the extra that it needs, says so and ends with exit code 1."""
    try:
        from fairmind_sync import cli  # noqa: PLC0415 a worker process imports this module, and no typer
    except ExtraNotInstalledError as error:
        sys.exit(f"fairmind-sync: {error}")
    cli.main()


if __name__ == "__main__":
    main()
