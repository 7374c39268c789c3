"""Finds what is worth telling by webhook, and words it: a provider away for long or back, deliveries that
died, results at risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fairmind_sync.outbox import dead_causes, model_lookup, provider_state, webhook_events, workload
from fairmind_sync.results.error_kinds import words_for
from fairmind_sync.results.risk_levels import LEVELS
from fairmind_sync.text import counted, lasting

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fairmind_sync.outbox.model_lookup import ResultInShort
    from fairmind_sync.settings import Settings

_LOOK_BACK = timedelta(days=7)
"""A daemon that was away for longer tells nothing of the results of that time."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell, once for each `key`: `kind` for programs, `text` for people, `data` for both."""

    key: str
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)

    def body(self, now: datetime) -> dict[str, Any]:
        """Returns the event as Standard Webhooks has it, with a `text` that chats show."""
        return {
            "type": self.kind,
            "timestamp": now.isoformat(),
            "text": self.text,
            "data": self.data,
        }


def news(
    connection: Connection, settings: Settings, begun: datetime, now: datetime
) -> list[Notice]:
    """Returns what there is to tell of what happened since `begun`, without what was told before."""
    found = {one.key: one for one in _notable(connection, settings, begun, now)}
    told = webhook_events.known(connection, [*found])
    return [one for key, one in found.items() if key not in told]


def _notable(
    connection: Connection, settings: Settings, begun: datetime, now: datetime
) -> Iterator[Notice]:
    for provider in settings.enabled:
        yield from _of_provider(connection, provider, settings.webhook_after, now)
    yield from _dead(connection, settings.public_url, max(begun, now - _HOUR), now)
    yield from _at_risk(connection, settings, max(begun, now - _LOOK_BACK))


def _of_provider(
    connection: Connection, provider: str, after: timedelta, now: datetime
) -> Iterator[Notice]:
    found = provider_state.read(connection, provider)
    told = f"away:{provider}:"
    if found.is_ready:
        if key := webhook_events.newest_key(connection, told):
            text = f"{provider} takes deliveries again."
            yield Notice(f"back:{key}", "provider.ready", text, {"provider": provider})
        return
    if found.since is None or found.is_paused or now - found.since < after:
        return
    waiting = workload.pending(connection, provider)
    reason = (found.reason or "no reason is known").rstrip(".")
    yield Notice(
        f"{told}{found.state}:{found.since.isoformat()}",
        f"provider.{found.state}",
        f"{provider} has been {found.state} for {lasting(now - found.since)}, "
        f"{counted(waiting, 'delivery waits', 'deliveries wait')}: {reason}. See: fairmind-sync status",
        {
            "provider": provider,
            "since": found.since.isoformat(),
            "pending": waiting,
            "reason": found.reason,
        },
    )


def _dead(
    connection: Connection, public_url: str | None, since: datetime, now: datetime
) -> Iterator[Notice]:
    """Yields what died since then: of one cause once an hour, whatever its number.

    The error of the delivery that is named is put in when the event is sent.
    """
    for one in dead_causes.died_since(connection, since):
        words = words_for(one.error_kind) or "for no known reason"
        test = f"test {one.test_id}"
        said = f"of {one.count} deliveries, such as {test}" if one.count > 1 else f"of {test}"
        asked = urlencode({"status": "dead", "provider": one.provider})
        yield Notice(
            f"dead:{one.provider}:{one.error_kind}:{now:%Y-%m-%dT%H}",
            "deliveries.dead",
            f"{one.provider} will not get the results {said}: {words}. "
            f"See: fairmind-sync runs --status dead --provider {one.provider}.",
            {
                "provider": one.provider,
                "cause": one.error_kind,
                "count": one.count,
                "test_id": one.test_id,
                "delivery_id": one.delivery_id,
                "error": None,
                "url": f"{public_url}/deliveries?{asked}" if public_url else None,
            },
        )


def _at_risk(connection: Connection, settings: Settings, since: datetime) -> Iterator[Notice]:
    if settings.webhook_risk == "off":
        return
    levels = LEVELS[LEVELS.index(settings.webhook_risk) :]
    for one in model_lookup.at_risk(connection, levels, since):
        yield _of_result(one, settings.public_url)


def _of_result(one: ResultInShort, public_url: str | None) -> Notice:
    asked = urlencode({"test_id": one.test_id, "user_id": one.user_id, "revision": one.revision})
    model = f" of model {one.model_id}" if one.model_id else ""
    data = {
        "test_id": one.test_id,
        "user_id": one.user_id or None,
        "revision": one.revision,
        "model_id": one.model_id or None,
        "test_type": one.test_type or None,
        "risk": one.verdict.overall_risk,
        "passed": one.verdict.has_passed,
        "url": f"{public_url}/result?{asked}" if public_url else None,
    }
    of_user = f" --user-id {quote(one.user_id)}" if one.user_id else ""
    text = (
        f"Test {one.test_id}{model}: {one.verdict.overall_risk} risk. "
        f"See: fairmind-sync results show {quote(one.test_id)}{of_user}"
    )
    return Notice(f"risk:{one.id}", "result.at_risk", text, data)
