"""Which calls of W&B's SDK a delivery makes, and what each answer becomes: no SDK is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.base import Dead, Delivered, Outcome, Retry
from fairmind_sync.providers.wandb import content
from fairmind_sync.providers.wandb.content import PROOF, WandbContent, content_of
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.settings import Settings
from tests.providers.wandb_calls import KEY, Notes, Sdk, shown
from tests.support.log_events import captured_logs
from tests.support.values import SAVED_AT, delivery

SETTINGS = Settings(provider="wandb", wandb_project="p", evidence="none")
SENT_BEFORE = replace(delivery(), create_attempted_at=SAVED_AT, claimed_at=SAVED_AT)


@pytest.fixture(scope="module")
def wandb() -> Any:
    """The module of the provider, whose import takes a second: each process of a run collects this one."""
    return importlib.import_module("fairmind_sync.providers.wandb.provider")


def reports(
    wandb: Any,
    sdk: Sdk,
    deliveries: Iterable[Delivery],
    notes: Notes | None = None,
    **settings: Any,
) -> Iterator[Any]:
    one = wandb.WandbProvider(sdk, SETTINGS.model_copy(update=settings), pause=lambda _s: None)
    for some in one.deliver(deliveries, notes or Notes(), lambda: True):
        yield from some


def deliver(
    wandb: Any, sdk: Sdk, one: Delivery, notes: Notes | None = None, **settings: Any
) -> Outcome:
    ((_, outcome),) = reports(wandb, sdk, [one], notes, **settings)
    found: Outcome = outcome
    return found


def test_a_new_delivery_is_uploaded_under_its_key_and_read_back(wandb: Any) -> None:
    outcome = deliver(wandb, sdk := Sdk(), delivery(), notes := Notes())
    assert outcome == Delivered(Run(KEY, "http://run"), "e/p", None)
    assert notes.told == [("creating", "p")]
    assert sdk.calls == [("probe",), ("upload", KEY, True), ("read", [KEY])]


def test_a_run_that_is_whole_is_not_uploaded_again(wandb: Any) -> None:
    sdk = Sdk(held={KEY: shown(content_of(delivery(), "p", evidence="none"))})
    assert isinstance(deliver(wandb, sdk, SENT_BEFORE), Delivered)
    assert sdk.made("upload") == []


def test_a_run_that_lacks_something_is_uploaded_again(wandb: Any) -> None:
    sdk = Sdk(held={KEY: shown(content_of(delivery(), "p", evidence="none"), state="crashed")})
    assert isinstance(deliver(wandb, sdk, SENT_BEFORE), Delivered)
    assert sdk.made("upload") == [[KEY, True]]


@pytest.mark.parametrize(("attempts", "with_files"), [(2, True), (3, False)])
def test_the_third_attempt_leaves_the_files_out(
    wandb: Any, attempts: int, with_files: bool
) -> None:
    deliver(wandb, sdk := Sdk(), replace(delivery(), attempts=attempts))
    assert sdk.made("upload") == [[KEY, with_files]]


@pytest.mark.parametrize(
    ("waited", "after"),
    [
        (timedelta(seconds=1), timedelta(seconds=30)),
        (timedelta(minutes=7), timedelta(minutes=7)),
        (timedelta(hours=23), timedelta(hours=1)),
    ],
)
def test_what_was_sent_and_is_not_shown_is_waited_for(
    wandb: Any, waited: timedelta, after: timedelta
) -> None:
    sent = replace(SENT_BEFORE, run_id=KEY, claimed_at=SAVED_AT + waited)
    assert deliver(wandb, sdk := Sdk(), sent) == Retry(
        ErrorKind.UNCONFIRMED,
        "all was sent without an error, and W&B doesn't show the run yet",
        after=after,
        is_counted=False,
    )
    assert sdk.made("upload") == []


@pytest.mark.parametrize("sent", [{"claimed_at": SAVED_AT + timedelta(days=1), "run_id": KEY}, {}])
def test_after_a_day_or_where_not_all_was_sent_it_is_uploaded_again(
    wandb: Any, sent: dict[str, Any]
) -> None:
    deliver(wandb, sdk := Sdk(), replace(SENT_BEFORE, **sent))
    assert sdk.made("upload") == [[KEY, True]]


@pytest.mark.parametrize(
    ("error", "outcome", "asks_for_the_stream"),
    [
        ("WandbRefusedError", Dead(ErrorKind.REJECTED, "no"), False),
        ("RunRefusedError", Retry(ErrorKind.REFUSED, "no", at_most=2), False),
        ("UploadError", Retry(ErrorKind.UPLOAD_FAILED, "no"), True),
    ],
)
def test_why_an_upload_failed_is_told_and_the_core_is_restarted(
    wandb: Any, error: str, outcome: Outcome, asks_for_the_stream: bool
) -> None:
    sdk = Sdk(trouble=getattr(wandb, error)("no"))
    assert deliver(wandb, sdk, delivery()) == outcome
    assert sdk.made("stream") == ([[KEY]] if asks_for_the_stream else [])
    assert sdk.calls[-1] == ("restart",)


def test_a_core_that_was_restarted_is_clean(wandb: Any) -> None:
    one = wandb.WandbProvider(sdk := Sdk(), SETTINGS, pause=lambda _s: None)
    restarts = []
    for trouble in (wandb.UploadError("no"), None):
        sdk.trouble = trouble
        assert [*one.deliver([delivery()], Notes(), lambda: True)]
        restarts.append(len(sdk.made("restart")))
    assert restarts == [1, 1]


def test_what_stops_w_and_b_is_raised_after_what_was_uploaded_is_confirmed(wandb: Any) -> None:
    sdk = Sdk()
    told: list[Any] = []

    def some() -> Iterator[Delivery]:
        yield replace(delivery(), key="1" * 32)
        sdk.trouble = ProviderOfflineError("away")
        yield delivery()

    with pytest.raises(ProviderOfflineError, match="away"):
        told.extend(reports(wandb, sdk, some()))
    assert all(isinstance(how, Delivered) for _, how in told)
    assert sdk.calls[-1] == ("restart",)  # else the other one's id is in use when W&B is back


def test_what_is_too_large_is_dead(wandb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LARGEST_ROW", 1)
    outcome = deliver(wandb, sdk := Sdk(), delivery())
    words = "W&B takes at most 10 MB of metrics, 10 MB of summary and 15 MB of parameters"
    assert (outcome, sdk.made("upload")) == (Dead(ErrorKind.TOO_LARGE, words), [])


def test_a_lost_run_is_found_by_its_content_where_that_is_wanted(wandb: Any) -> None:
    lost = shown(content_of(delivery(), "p"), run=Run("x", None), destination="there")
    with captured_logs() as events:
        outcome = deliver(wandb, sdk := Sdk(found=lost), delivery(), find_lost_runs=True)
    assert outcome == Delivered(Run("x", None), "there")
    assert sdk.made("find") == [["test-1", 64]]
    told = {"event": "run.found_again", "provider": "wandb", "run_id": "x", "log_level": "info"}
    assert events == [told]


def test_a_run_of_a_new_key_is_uploaded_where_none_is_found(wandb: Any) -> None:
    deliver(wandb, sdk := Sdk(), delivery(), find_lost_runs=True)
    assert sdk.made("upload") == [[KEY, True]]


def test_what_shows_late_is_read_back_again(wandb: Any) -> None:
    outcome = deliver(wandb, sdk := Sdk(after=4), delivery())
    assert isinstance(outcome, Delivered)
    assert len(sdk.made("read")) == 4


def test_what_is_never_shown_is_noted_as_sent_and_waited_for(wandb: Any) -> None:
    outcome = deliver(wandb, sdk := Sdk(after=99), delivery(), notes := Notes())
    assert isinstance(outcome, Retry)
    assert (outcome.is_counted, notes.told[-1]) == (False, ("created", KEY))
    assert len(sdk.made("read")) == 6


def test_what_is_not_whole_is_told_with_its_state(wandb: Any) -> None:
    outcome = deliver(wandb, Sdk(changes={"state": "running", "history_lines": 3}), delivery())
    assert outcome == Retry(
        ErrorKind.UNCONFIRMED,
        "the upload ended without an error, but W&B doesn't hold all of the run: "
        "state running, 3 history lines",
    )


def test_what_shapes_our_runs_blocks(wandb: Any) -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        deliver(wandb, Sdk(changes={"shapes": {"sweep": "s"}}), delivery())
    assert str(blocked.value) == (
        "something shapes our runs: W&B shows one with sweep 's', which we didn't send. Look for it "
        "in W&B's variables and settings files, and remove it."
    )


def test_what_a_run_differs_by_is_told_and_a_run_that_was_sent_before_may(wandb: Any) -> None:
    edited: dict[str, Any] = {"changes": {"notes": "edited"}}
    with captured_logs() as events:
        assert isinstance(deliver(wandb, Sdk(**edited), delivery()), Delivered)
        assert isinstance(deliver(wandb, Sdk(**edited), SENT_BEFORE), Delivered)
    told = {"event": "run.differs", "log_level": "warning", "provider": "wandb", "run_id": KEY}
    assert events == [told | {"differs": "notes 'edited'"}]


def test_evidence_that_w_and_b_does_not_show_waits_for_no_run(wandb: Any) -> None:
    outcome = deliver(wandb, Sdk(changes={"files": {}}), delivery(), evidence="full")
    assert isinstance(outcome, Delivered)
    assert isinstance(outcome.evidence, EvidenceState)
    assert outcome.evidence.reason.startswith("W&B took the run and, without a word, not ")
    assert outcome.evidence != ALL_STORED


def test_many_uploads_are_confirmed_together_while_others_are_under_way(wandb: Any) -> None:
    many = [replace(delivery(), key=f"{number:032}") for number in range(40)]
    told = [*reports(wandb, sdk := Sdk(), many)]
    assert len(told) == 40
    assert max(len(keys) for (keys,) in sdk.made("read")) >= 32


@pytest.mark.parametrize(("runs", "together"), [(31, False), (32, True)])
def test_32_uploads_are_confirmed_before_any_wait(
    wandb: Any, monkeypatch: pytest.MonkeyPatch, runs: int, together: bool
) -> None:
    waits: list[float] = []
    many = [replace(delivery(), key=f"{number:032}") for number in range(runs)]
    one = wandb.WandbProvider(Sdk(), SETTINGS, pause=waits.append)
    told = [one for some in one.deliver(many, Notes(), lambda: True) for one in some]
    assert (len(told), waits == []) == (runs, together)


def test_files_that_w_and_b_does_not_show_are_looked_for_for_a_second(wandb: Any) -> None:
    waits: list[float] = []
    full = SETTINGS.model_copy(update={"evidence": "full"})
    one = wandb.WandbProvider(Sdk(changes={"files": {}}), full, pause=waits.append)
    assert [*one.deliver([delivery()], Notes(), lambda: True)]
    assert waits == [0.0, 0.2, 0.5, 1.0]


def test_an_upload_links_to_its_page_and_is_marked_where_lost_runs_are_to_be_found(
    wandb: Any,
) -> None:
    sent: list[tuple[bool, bool]] = []

    class Marking(Sdk):
        def upload(self, key: str, content: WandbContent, *, with_files: bool) -> None:
            super().upload(key, content, with_files=with_files)
            link = "(https://status/result?test_id=test-1)"
            sent.append(("content" in content.summary[PROOF], link in content.description))

    for find_lost_runs in (True, False):
        settings: dict[str, Any] = {
            "find_lost_runs": find_lost_runs,
            "public_url": "https://status",
        }
        deliver(wandb, Marking(), delivery(), **settings)
    assert sent == [(True, True), (False, True)]


def test_what_is_not_sent_as_it_was_saved_is_logged(wandb: Any) -> None:
    with captured_logs() as events:
        deliver(wandb, Sdk(), delivery(model_id="m" * 130))
    (told,) = [one for one in events if one["event"] == "delivery.content_adjusted"]
    assert (told["delivery"], len(told["adjusted"])) == (1, 3)


def test_a_core_takes_so_many_runs_and_is_restarted(wandb: Any) -> None:
    one = wandb.WandbProvider(sdk := Sdk(), SETTINGS, pause=lambda _s: None)
    told = []
    for most in (10, 200):
        many = [replace(delivery(), key=f"{number:032}") for number in range(most)]
        told.append(sum(map(len, one.deliver(many, Notes(), lambda: True))))
    assert (told, sdk.calls[-1], len(sdk.made("restart"))) == ([10, 182], ("restart",), 1)
