"""Secrets and passwords taken out of texts. Pure."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
_USERINFO = re.compile(r"""(?<=://)[^/\s"'<>]+(?=@)""")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets, and without passwords in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _USERINFO.sub(HIDDEN, text)


def without_user(uri: str) -> str:
    """The address without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", uri)
