"""Statuses of HTTP that say who answers."""

from __future__ import annotations

from http import HTTPStatus

NEVER_A_PROVIDERS = (
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED,
)
"""By these, something in a provider's place says that it did nothing of what was asked."""
