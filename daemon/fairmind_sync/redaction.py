"""Removes secrets and passwords from texts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SHORTEST_PASSWORD = 8
"""Characters; a password as short as a word stays readable, or logs would lose that word everywhere."""
_USERINFO = re.compile(r"""(?<=://)[^/\s"'<>]+(?=@)""")


def forms_to_hide(secrets: Iterable[str], passwords: Iterable[str]) -> tuple[str, ...]:
    """Returns the texts to hide: each secret and each long enough password, as given and as in JSON.

    A secret is hidden without the white space at its ends, too: a key is sent without it.
    """
    given = [*secrets, *(one for one in passwords if len(one) >= SHORTEST_PASSWORD)]
    found = [form for secret in given for form in (secret, secret.strip()) if form]
    written = (form for secret in found for form in (secret, json.dumps(secret)[1:-1]))
    return tuple(dict.fromkeys(written))


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Returns the text with `HIDDEN` for each given secret, and for user and password in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _USERINFO.sub(HIDDEN, text)


def without_user(uri: str) -> str:
    """Returns the address without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", uri)
