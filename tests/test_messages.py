"""What the product says can be looked up: each message and each warning stands on a page, with what to do."""

from __future__ import annotations

import re

from tests.support.documents import DOCS
from tests.support.messages import events, messages

PAGE = (DOCS / "reference" / "messages.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `+ ?(.*?) ?`+ \| (.+) \|$", PAGE, re.MULTILINE))
"""What is said, with what the page says of it."""


def test_each_message_is_on_the_page() -> None:
    assert sorted(messages() - set(ROWS)) == []


def test_each_event_that_is_logged_as_wrong_is_on_the_page() -> None:
    assert sorted(events() - set(ROWS)) == []


def test_the_page_holds_nothing_that_is_no_longer_said() -> None:
    assert sorted(set(ROWS) - messages() - events()) == []
