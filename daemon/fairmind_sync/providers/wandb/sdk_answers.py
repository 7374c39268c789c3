"""Which errors of W&B's SDK pass on an answer of W&B, and which say that wandb-core is gone."""

from __future__ import annotations

import re

from wandb.errors import CommError, Error

from fairmind_sync.errors import ProviderBrokenError

_NO_ANSWER = re.compile(
    r"timed? ?out|deadline|connection|EOF|HTTP 5\d\d|HTTP 429"
    r"|invalid character .* looking for|unexpected end of JSON|cannot unmarshal",
    re.IGNORECASE,
)
"""What the SDK says where no answer came, or none that is an answer; else it passes on W&B's words."""
_CORE_IS_GONE = (
    "HandleAbandonedError",
    "MailboxClosedError",
    "ConnectionResetError",
    "BrokenPipeError",
)


def is_answer(error: Exception) -> bool:
    """Returns whether W&B has answered: the answer comes as a bare Error where the run has to exist."""
    passes_on = isinstance(error, CommError) or type(error) is Error
    return passes_on and not _NO_ANSWER.search(str(error))


def raise_if_core_is_gone(error: Exception) -> None:
    if type(error).__name__ in _CORE_IS_GONE:
        raise ProviderBrokenError(f"wandb-core ended: {type(error).__name__}") from error
