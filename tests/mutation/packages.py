"""The packages that are mutated, and the tests that have to notice."""

from __future__ import annotations

from tests.mutation.workspace import Package

PACKAGES = {
    package.name: package
    for package in (
        Package("results", ("results/*",), ("tests/results",)),
        Package(
            "outbox",
            ("outbox/*",),
            ("tests/outbox", "tests/handover"),
            without=("test_copying", "test_state_machine", "processes"),
        ),
        Package("handover", ("handover/*",), ("tests/handover",), without=("test_state_machine",)),
        Package(
            "relay",
            ("relay/*",),
            ("tests/relay",),
            without=("test_worker", "test_sweep"),
        ),
        Package(
            "providers",
            ("providers/base.py", "providers/threads.py", "providers/retry_after.py"),
            ("tests/providers/test_base.py",),
        ),
    )
}
