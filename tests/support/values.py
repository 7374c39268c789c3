"""What the tests of pure modules share: saved results, and values and keys made to cause trouble."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from fairmind_sync.results.delivery import Delivery, SavedResult
from fairmind_sync.results.keys import KeyPath, KeyRules, key_for
from fairmind_sync.results.plain_json import Json

SAVED_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
LARGEST = sys.float_info.max

_EXAMPLES = 2000 if settings.get_current_profile_name() == "nightly" else 50
for_all = settings(deadline=None, max_examples=_EXAMPLES)
"""No deadline: a slow machine is no failure."""


def saved_result(**changes: Any) -> SavedResult:
    fields: dict[str, Any] = {
        "test_id": "test-1",
        "user_id": "user-1",
        "revision": 1,
        "model_id": "model-1",
        "dataset_id": "dataset-1",
        "test_type": "ml_bias",
        "results": {"accuracy": 0.85},
        "metadata": {},
        "created_at": SAVED_AT,
    }
    return SavedResult(**(fields | changes))


def delivery(**changes: Any) -> Delivery:
    """A delivery of `saved_result(**changes)`."""
    return Delivery(
        id=1,
        provider="mlflow",
        key="0" * 32,
        lease_token="lease",  # noqa: S106 no secret
        attempts=1,
        enqueued_at=SAVED_AT,
        claimed_at=SAVED_AT,
        create_attempted_at=None,
        run_id=None,
        result=saved_result(**changes),
    )


numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), LARGEST, -LARGEST])
any_text = st.text(st.characters() | st.sampled_from("\0\ud800\udfff\ufffd"))
"""Lone surrogates, NUL and what replaces them included."""
plain_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
objects: st.SearchStrategy[dict[str, Json]] = st.dictionaries(any_text, plain_values, max_size=5)

_TROUBLE = ("", ".", "..", "...", "..a", "_", "__a", " ", "a", "mean", "x", "x_", "a/b", "/", "é")
_parts = (
    st.sampled_from(_TROUBLE)
    | any_text
    | st.text("a./_-0", max_size=4)
    | st.integers(230, 260).map("a".__mul__)
    | st.from_regex(r"[ax_]{1,3}-[0-9a-f]{12}", fullmatch=True)
)
key_paths: st.SearchStrategy[KeyPath] = st.lists(_parts, min_size=1, max_size=4).map(tuple)


def marked_alike(path: KeyPath, rules: KeyRules) -> list[KeyPath]:
    """Paths that spell what another path's key, marked or not, looks like."""
    key = key_for(path, rules)
    return [(key,), tuple(key.split("/")), tuple("/".join(path).split("/"))]


STRANGE_IDS = (
    "a\N{NO-BREAK SPACE}b",
    "\N{NARROW NO-BREAK SPACE}a\N{IDEOGRAPHIC SPACE}b",
    "\N{MAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "\N{RIGHT-TO-LEFT ISOLATE}a\N{LEFT-TO-RIGHT MARK}b",
    "a\N{SOFT HYPHEN}b\N{ZERO WIDTH SPACE}c\N{ZERO WIDTH NO-BREAK SPACE}",
    "\N{HEBREW LETTER ALEF}\N{COMBINING ACUTE ACCENT}",
    "\ue000\U0001fae9\U000e0001",
    "a line ends\nand a tab\t comes",
    "\x1b[31mred\x07\u2028",
)
"""Ids that no terminal may obey: spaces, joiners, marks of direction, ends of lines, controls, emoji."""
