"""The doctor: runs all checks and gives a finding each, and has those of settings, temporary files, open
files, backlogs, evidence, private fields and providers.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync import temporary_files
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.intake.forgotten import forgotten_provider
from fairmind_sync.operating.database_checks import database_findings
from fairmind_sync.operating.finding import Finding
from fairmind_sync.operating.webhook_check import webhook_findings
from fairmind_sync.outbox import (
    hand_over_lookup,
    heartbeat,
    owed_evidence,
    provider_state,
    result_lookup,
    workload,
)
from fairmind_sync.provider_names import ENABLE_ONE
from fairmind_sync.providers import folder
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.results.evidence_states import REFUSED
from fairmind_sync.results.states import BLOCKED
from fairmind_sync.settings import load_settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.storage.url import BY_SOCKET
from fairmind_sync.text import counted
from fairmind_sync.unknown_variables import unknown_variables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.owed_evidence import LackingEvidence
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Remark
    from fairmind_sync.settings import Settings

STUCK_AFTER = timedelta(hours=1)
UNHEARD_AFTER = timedelta(days=30)
_PROBE_SECONDS = 60
_FEWEST_FILES = 512
_LATELY = 1000
"""So many of the newest results are asked which private fields were left out."""
_BY_SOCKET = f" The URL of a server that listens on a socket is {BY_SOCKET}."
_ANSWERS = " answers "
"""Stands in the reason where the server did answer, with a status."""
_UNREAD = "Correct the name, or remove the variable: this version does not read it."
_CORRECT = "Correct the variable in the environment or in .env."


def examine() -> Iterator[Finding]:
    """Yields each check's finding once the check is done; leaves out checks that rest on a failed one."""
    try:
        settings = load_settings()
    except FairmindSyncError as error:
        yield Finding("settings", str(error), _CORRECT)
        return
    yield from _settings(settings)
    yield _temporary_files()
    yield from _open_files()
    engine: Engine | None = None
    try:
        engine = schema.ready_engine(settings.database_url)
        schema.revision(engine)
    except FairmindSyncError as error:
        engine = None
        socket = _BY_SOCKET if settings.database_url.startswith("postgresql") else ""
        yield Finding("database", str(error), f"Do what it says.{socket}")
    else:
        yield from database_findings(engine)
        yield from _deliveries(engine, settings)
        yield from _private_fields(engine, settings)
        yield from webhook_findings(engine, settings)
    for provider in settings.enabled:
        yield _provider(provider, settings, engine)
        yield from map(_of_remark, folder(provider).remarks(settings))


def _settings(settings: Settings) -> Iterator[Finding]:
    where = settings.env_file or "no .env was found in the working directory or above it"
    yield Finding("variables", f"the environment; {where}")
    for unknown in unknown_variables(settings.env_file):
        yield Finding("variables", f"unknown: {unknown}", _UNREAD, is_warning=True)
    for mistake in settings.mistakes_in():
        yield Finding("settings", mistake, _CORRECT)
    if settings.enabled:
        yield Finding("settings", f"providers: {', '.join(settings.enabled)}")
    elif not settings.owed:
        words = forgotten_provider(settings) or "no provider is enabled"
        yield Finding("settings", words, ENABLE_ONE)


def _temporary_files() -> Finding:
    name = "temporary files"
    trouble = temporary_files.trouble()
    if trouble is not None:
        return Finding(name, *trouble.split(". ", 1))
    used, asked = Path(tempfile.gettempdir()), os.environ.get("TMPDIR")
    detail = f"{temporary_files.free_bytes(used) // 1024**2} MB are free in {used}"
    if asked and Path(asked).absolute() != used:
        remedy = (
            f"Make {asked} a directory where you may write, and free space there; or unset TMPDIR."
        )
        return Finding(name, f"TMPDIR is {asked}, which can't be used; {detail}", remedy)
    return Finding(name, detail)


def _open_files() -> Iterator[Finding]:
    """Tells of a limit so low that a daemon with its API and two workers meets it on a busy day."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FEWEST_FILES:
        yield Finding(
            "open files",
            f"a process may open {files} files at once (ulimit -n)",
            f"Allow at least {_FEWEST_FILES}: ulimit -n {_FEWEST_FILES}, or LimitNOFILE= of a systemd unit.",
        )


def _deliveries(engine: Engine, settings: Settings) -> Iterator[Finding]:
    now = current_time(engine)
    with reading(engine) as connection:
        alive = heartbeat.any_alive(connection, now)
        for provider in settings.enabled:
            yield _backlog(connection, provider, now, alive=alive)
        unheard = hand_over_lookup.unheard(connection, now - UNHEARD_AFTER)
        lacking = owed_evidence.lacking(connection)
    if unheard:
        yield _unheard(unheard)
    yield from (_evidence(one) for one in lacking if one.provider in settings.enabled)


def _backlog(
    connection: Connection, provider: ProviderName, now: datetime, *, alive: bool
) -> Finding:
    name = f"{provider} deliveries"
    backlog = workload.backlog(connection, provider)
    pending, dead = backlog.counts["pending"], backlog.counts["dead"]
    detail = f"{pending} pending, {dead} dead"
    if dead:
        return Finding(name, detail, f"Run: fairmind-sync runs --status dead --provider {provider}")
    if pending and not alive:
        return Finding(name, f"{detail}, and no daemon runs", "Run: fairmind-sync run")
    oldest = backlog.oldest_pending_at
    if backlog.state.is_ready and oldest is not None and now - oldest > STUCK_AFTER:
        return Finding(
            name,
            f"{detail}, the oldest since {oldest:%Y-%m-%d %H:%M} UTC",
            f"Run: fairmind-sync runs --status pending --provider {provider}",
        )
    return Finding(name, detail)


def _unheard(count: int) -> Finding:
    """Tells of deliveries at other sites, whose receipts may never have been carried home."""
    return Finding(
        "handed over",
        f"{counted(count, 'delivery', 'deliveries')} went to another site more than "
        f"{UNHEARD_AFTER.days} days ago, and no receipts say what became of that",
        "Run there: fairmind-sync bundle receipts; read the file here. If one of the two sites has new keys "
        "or a new database since: fairmind-sync bundle take-back, and export again. See: fairmind-sync "
        "bundle list",
    )


def _evidence(lacking: LackingEvidence) -> Finding:
    """Tells of runs without their evidence; what waits is tried again without anybody's help."""
    reason = lacking.reason or "not tried yet"
    detail = f"{lacking.state} for {lacking.count} delivered runs: {reason}"
    remedy = "Fix that, then run: fairmind-sync evidence --retry"
    return Finding(
        f"{lacking.provider} evidence", detail, remedy if lacking.state == REFUSED else None
    )


def _private_fields(engine: Engine, settings: Settings) -> Iterator[Finding]:
    """Tells what the patterns of private fields matched lately: a pattern that never matches may be wrong."""
    if settings.mistakes_in("redact") or not settings.redact:
        return
    with reading(engine) as connection:
        results, removed = result_lookup.lately_removed(connection, _LATELY)
    counts = (removed[".".join(pattern)] for pattern in settings.private_fields)
    told = (f"{name} {count}" for name, count in zip(settings.redact, counts, strict=True))
    detail = f"removed from the newest {counted(results, 'result')}: {', '.join(told)}"
    yield Finding("private fields", detail)


def _provider(name: ProviderName, settings: Settings, engine: Engine | None) -> Finding:
    """Probes the provider in a worker process, as for a delivery."""
    trouble = _in_worker(worker.trouble_of, name, settings)
    if trouble is None:
        return _answering(name, engine)
    state, reason = trouble[0], " ".join(trouble[1].split())
    if state == BLOCKED:
        return Finding(name, reason, f"Fix that, then run: fairmind-sync resume {name}")
    if _ANSWERS in reason:
        return Finding(name, reason, "Look at that server's log; deliveries wait meanwhile.")
    return Finding(name, reason, "Check the address and the network; deliveries wait meanwhile.")


def _answering(name: ProviderName, engine: Engine | None) -> Finding:
    """Returns what to do about a provider that answers: a delivery may have been refused all the same."""
    if engine is not None:
        with reading(engine) as connection:
            known = provider_state.read(connection, name)
        if known.state == BLOCKED:
            return Finding(
                name,
                str(known.reason),
                f"It answers now; have it take a delivery by: fairmind-sync resume {name}",
            )
    return Finding(name, "takes runs")


def _of_remark(remark: Remark) -> Finding:
    if remark.is_wrong:
        return Finding(remark.what, remark.detail, remark.remedy)
    return Finding(remark.what, f"{remark.detail}. {remark.remedy}".removesuffix(". "))


def _in_worker(
    work: Callable[[ProviderName, Settings], tuple[str, str] | None],
    name: ProviderName,
    settings: Settings,
) -> tuple[str, str] | None:
    spawn = multiprocessing.get_context("spawn")
    quiet = settings.model_copy(update={"log_level": "error"})
    pool = ProcessPoolExecutor(1, spawn, worker.start, (quiet, SharedFlags()))
    try:
        return pool.submit(work, name, quiet).result(_PROBE_SECONDS)
    except (FutureTimeoutError, BrokenProcessPool) as error:
        return "offline", f"the probe ended without an answer ({type(error).__name__})"
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
