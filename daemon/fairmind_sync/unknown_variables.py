"""Finds variables that are named as ours and are none, so that somebody learns of a misspelt one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from fairmind_sync.env_file import VARIABLE, variables
from fairmind_sync.settings import Settings

_PREFIX = "FAIRMIND_SYNC_"
_OF_KUBERNETES = re.compile(
    r"\w+_SERVICE_(HOST|PORT)(_\w+)?|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
"""What Kubernetes sets in each Pod for a Service whose name begins as ours."""
_ADDRESSES = ("tcp://", "udp://", "sctp://")
"""How values begin that Kubernetes gives a variable called as the Service, with _PORT behind it."""


class _Unknown:
    """The names that begin as ours, and that no version up to this one reads."""

    def __init__(self) -> None:
        fields = Settings.model_fields.values()
        self.known = {VARIABLE, *(str(field.validation_alias) for field in fields)}

    def __contains__(self, name: object) -> bool:
        name = str(name)
        is_ours = name.startswith(_PREFIX) and name not in self.known
        return is_ours and not _OF_KUBERNETES.fullmatch(name)


def unknown_variables(file: Path | None) -> list[str]:
    """Returns each unknown variable of environment and file, in words with the one that may be meant.

    A variable is told by its name, never by its value. A file that can't be read has none.
    """
    unknown = _Unknown()
    try:
        found = variables(file, unknown)
    except (OSError, UnicodeDecodeError):
        found = variables(None, unknown)
    return [*_in_words(found, unknown.known)]


def _in_words(found: Mapping[str, str], known: set[str]) -> Iterator[str]:
    of = {name.removeprefix(_PREFIX): name for name in sorted(known)}
    for name in sorted(found):
        if found[name].startswith(_ADDRESSES):
            continue
        near = get_close_matches(name.removeprefix(_PREFIX), of, 1)
        yield f"{name}; did you mean {of[near[0]]}?" if near else name
