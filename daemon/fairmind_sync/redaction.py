"""Removes secrets and passwords from texts. Pure."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
_USERINFO = re.compile(r"""(?<=://)[^/\s"'<>]+(?=@)""")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Returns the text with `HIDDEN` for each given secret, and for user and password in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _USERINFO.sub(HIDDEN, text)


def without_user(uri: str) -> str:
    """Returns the address without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", uri)
