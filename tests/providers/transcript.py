"""One call of a provider, and a transcript of everything that passes between the provider and its caller.

An SDK sets variables and starts processes, so a real provider is opened in a process of its own.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from fairmind_sync.errors import FairmindSyncError, LeaseLostError
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers import open_provider
from fairmind_sync.providers.base import Delivered, Outcome, Provider
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.settings import load_settings
from tests.support import forked
from tests.support.log_events import captured_logs

_LONGEST_S = 240


@dataclass(frozen=True)
class Call:
    """What the provider is asked to do.

    `losing` names the deliveries whose lease is gone when the journal is told 'creating' or 'created'.
    `yeses` is how often `may_start` says yes; None: always. With `standings` the provider sweeps instead.
    """

    deliveries: Sequence[Delivery] = ()
    losing: Mapping[str, str] = field(default_factory=dict)
    yeses: int | None = None
    standings: Mapping[str, Standing] | None = None


@dataclass(frozen=True)
class Event:
    """`what` is asked, taken, creating, not_created, created, outcome or deliver_again."""

    what: str
    key: str = ""
    word: str = ""
    thread: int = 0


@dataclass
class Transcript:
    """The events in their order; `raised` is the error at the end, as its type's names and its words.

    `thread` tells in which thread something happens.
    """

    batch_size: int = 0
    events: list[Event] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    raised: tuple[list[str], str] | None = None
    log: list[str] = field(default_factory=list)
    thread: Callable[[], int] = threading.get_ident

    def keys(self, what: str) -> list[str]:
        """The deliveries with such an event, in order."""
        return [event.key for event in self.events if event.what == what]

    def run_ids(self) -> dict[str, str]:
        """By delivery, as the journal was told."""
        return {event.key: event.word for event in self.events if event.what == "created"}

    def delivered(self) -> list[tuple[str, Delivered]]:
        """By delivery, in order."""
        return [(key, how) for key, how in self.outcomes if isinstance(how, Delivered)]

    def note(self, what: str, key: str = "", word: str = "") -> None:
        self.events.append(Event(what, key, word, self.thread()))


class _Recorder:
    """The journal, the ledger and the other half of `deliver`: all write into one transcript."""

    def __init__(self, call: Call, transcript: Transcript) -> None:
        self._call = call
        self._seen = transcript
        self._asking = threading.Lock()
        self._yeses_left = call.yeses

    def creating(self, delivery: Delivery, destination: str) -> None:
        self._seen.note("creating", delivery.key, destination)
        self._lose("creating", delivery)

    def not_created(self, delivery: Delivery) -> None:
        self._seen.note("not_created", delivery.key)

    def created(self, delivery: Delivery, run_id: str) -> None:
        self._seen.note("created", delivery.key, run_id)
        self._lose("created", delivery)

    def progressed(self, delivery: Delivery) -> None:
        self._seen.note("progressed", delivery.key)

    def standing(self, key: str) -> Standing | None:
        return (self._call.standings or {}).get(key)

    def deliver_again(self, key: str, reason: str) -> bool:
        self._seen.note("deliver_again", key, reason)
        return True

    def note_abandoned(self, key: str, run_id: str) -> bool:
        self._seen.note("abandoned", key, run_id)
        return True

    def note_deleted(self, key: str) -> None:
        self._seen.note("deleted", key)

    def taken(self) -> Iterator[Delivery]:
        for delivery in self._call.deliveries:
            self._seen.note("taken", delivery.key)
            yield delivery

    def may_start(self) -> bool:
        with self._asking:
            answer = self._yeses_left != 0
            self._seen.note("asked", word="yes" if answer else "no")
            if answer and self._yeses_left is not None:
                self._yeses_left -= 1
        return answer

    def _lose(self, step: str, delivery: Delivery) -> None:
        if self._call.losing.get(delivery.key) == step:
            raise LeaseLostError


def carry_out(
    call: Call, provider: Provider, thread: Callable[[], int] = threading.get_ident
) -> Transcript:
    """Makes the call here, in this process."""
    transcript = Transcript(provider.batch_size, thread=thread)
    recorder = _Recorder(call, transcript)
    with captured_logs() as events:
        try:
            if call.standings is not None:
                provider.sweep([*call.standings], recorder)
            else:
                for reports in provider.deliver(recorder.taken(), recorder, recorder.may_start):
                    for delivery, outcome in reports:
                        transcript.note("outcome", delivery.key)
                        transcript.outcomes.append((delivery.key, outcome))
        except FairmindSyncError as error:
            transcript.raised = [kind.__name__ for kind in type(error).__mro__], str(error)
    transcript.log = [event["event"] for event in events]
    return transcript


def carry_out_elsewhere(call: Call, env: Mapping[str, str], place: Path) -> Transcript:
    """Makes the call in a fresh process that has only these variables; `place` is where it works."""
    ours, theirs = forked._processes.Pipe(duplex=False)
    process = forked._processes.Process(target=_child, args=(call, dict(env), place, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(_LONGEST_S):
            raise AssertionError(f"a provider took longer than {_LONGEST_S} s")
        transcript: Transcript = ours.recv()
        process.join(_LONGEST_S)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
    return transcript


def _child(call: Call, env: dict[str, str], place: Path, answer: Connection) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(place)
    tempfile.tempdir = None  # by TMPDIR, again
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    settings = load_settings()
    (name,) = settings.enabled
    try:
        answer.send(carry_out(call, open_provider(name, settings)))
    finally:
        answer.close()
        atexit._run_exitfuncs()  # a forked process doesn't, a worker does
