"""No function writes by a time that it read before it waited for its transaction."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

import pytest

from tests.test_house import MODULES


def _is_time(node: ast.expr) -> bool:
    """Whether the expression reads a clock that leases and due times go by."""
    called = node.func if isinstance(node, ast.Call) else None
    name = getattr(called, "id", None) or getattr(called, "attr", None)
    return name in {"current_time", "clock", "_now"}


def _is_writing(node: ast.AST) -> TypeGuard[ast.With]:
    calls = (one.context_expr for one in node.items) if isinstance(node, ast.With) else ()
    return any(
        isinstance(one, ast.Call) and getattr(one.func, "id", "") == "writing" for one in calls
    )


def _assigned(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields each target with its value, also of `now, began = ...`."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=True)
        else:
            yield target, node.value


def stale_times(function: ast.AST) -> set[str]:
    """Names of times that the function reads, and then uses in a transaction that it had to wait for."""
    blocks = [one for one in ast.walk(function) if _is_writing(one)]
    within = {node for block in blocks for node in ast.walk(block)}
    read = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and node not in within
        for target, value in _assigned(node)
        if isinstance(target, ast.Name) and _is_time(value)
    }
    anew = {
        node.id for node in within if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    used = {node.id for node in within if isinstance(node, ast.Name)}
    return (read & used) - anew


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("now = current_time(e)\nwith writing(e) as c:\n    f(c, now)", {"now"}),
        ("now = self.clock()\nwith a(), writing(e) as c:\n    f(c, now)", {"now"}),
        ("now, b = self.clock(), 1\nwith writing(e) as c:\n    f(c, now)", {"now"}),
        ("with writing(e) as c:\n    now = current_time(e)\n    f(c, now)", set()),
        ("now = current_time(e)\nwith reading(e) as c:\n    f(c, now)", set()),
    ],
)
def test_a_time_that_waited_for_a_transaction_is_found(source: str, found: set[str]) -> None:
    assert stale_times(ast.parse(source)) == found


def test_the_time_is_read_within_the_transaction() -> None:
    """Else the clock may be set back while the function waits, and live leases seem to be over."""
    found = {
        f"{path.name}: {one.name}": stale
        for path in MODULES
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(one, ast.FunctionDef) and (stale := stale_times(one))
    }
    assert found == {}
