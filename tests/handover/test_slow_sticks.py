"""A bundle is written to a stick that takes minutes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from fairmind_sync.outbox import arrivals, hand_overs
from tests.handover.world import Site


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_server_ends_no_transaction_that_waits_for_the_stick(
    here: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two reads there are writes to the stick."""
    limits: list[str] = []

    def noting(read: Callable[..., Any]) -> Callable[..., Any]:
        def noted(connection: Connection, *given: Any) -> Any:
            shown = connection.execute(text("SHOW idle_in_transaction_session_timeout"))
            limits.append(shown.scalar_one())
            return read(connection, *given)

        return noted

    here.save()
    courier.save()
    here.read(courier.export(here).file)
    for module, name in ((hand_overs, "outgoing"), (arrivals, "outcomes")):
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    here.export(courier)
    here.receipts(courier)
    assert limits == ["0", "0"]
