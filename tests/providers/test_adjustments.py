"""What is logged of a delivery's content that is not sent as it was saved."""

from __future__ import annotations

from fairmind_sync.providers.adjustments import log_adjustments
from fairmind_sync.results.keys import Renaming
from tests.support.log_events import captured_logs
from tests.support.values import delivery


def test_what_was_adjusted_is_logged_with_its_delivery() -> None:
    with captured_logs() as events:
        log_adjustments(delivery(), ["a", "b"])
        log_adjustments(delivery(), [])
    assert events == [
        {
            "event": "delivery.content_adjusted",
            "delivery": 1,
            "adjusted": ("a", "b"),
            "log_level": "warning",
        }
    ]


def test_a_key_that_is_spelled_otherwise_is_told_once_and_is_no_warning() -> None:
    renaming = Renaming("key 'rate/50+' is sent as 'rate/50_plus'")
    with captured_logs() as events:
        log_adjustments(delivery(), [renaming])
        log_adjustments(delivery(), [renaming, "a"])
    spelled = {"event": "key.spelled_otherwise", "provider": "mlflow", "said": renaming}
    assert events[0] == spelled | {"log_level": "info"}
    assert [(one["event"], one["log_level"]) for one in events[1:]] == [
        ("delivery.content_adjusted", "warning")
    ]
