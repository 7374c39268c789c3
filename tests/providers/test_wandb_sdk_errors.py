"""What the errors of W&B's SDK mean: for the run, for the provider, for this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.providers.wandb.run_files import RunFiles
from tests.providers.wandb_modules import Stage, of_wandb, staged

NOTHING = RunFiles({}, {})
KEY = ": check WANDB_API_KEY, or run 'wandb login'; a key is shown at wandb.ai/authorize."


class ValidationError(Exception):
    """As pydantic's, which has no other words."""


class MailboxClosedError(Exception):
    """As that of the SDK, whose module differs from version to version."""


class HandleAbandonedError(Exception):
    """As above."""


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return staged(monkeypatch, tmp_path, wandb_entity="e")


def of_the_sdk(name: str, words: str) -> Exception:
    error: Exception = getattr(of_wandb(".errors"), name)(words)
    return error


def raised(stage: Stage) -> tuple[str, str, BaseException | None]:
    """Kind, words and cause of what adding files ends by."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what is compared
        stage.sdk.add_files("r", NOTHING)
    return caught.type.__name__, str(caught.value), caught.value.__cause__


NO_ANSWERS = [
    "timed out",
    "Timeout was reached",
    "context DEADLINE exceeded",
    "connection refused",
    "unexpected EOF",
    "HTTP 503",
    "HTTP 429",
    "invalid character '<' looking for beginning of value",
    "unexpected end of JSON input",
    "cannot unmarshal array",
]


@pytest.mark.parametrize("words", NO_ANSWERS)
def test_where_no_answer_came_the_upload_failed(stage: Stage, words: str) -> None:
    stage.noted.refused = error = of_the_sdk("CommError", words)
    assert raised(stage) == ("UploadError", f"CommError: {words}", error)
    assert stage.service.told == []


@pytest.mark.parametrize("name", ["CommError", "Error"])
def test_a_refusal_is_the_runs_where_another_run_is_taken(stage: Stage, name: str) -> None:
    """The SDK raises a bare Error where the run has to exist."""
    stage.noted.refused = of_the_sdk(name, "no such field")
    kind, words, _ = raised(stage)
    assert (kind, words) == ("RunRefusedError", "W&B refuses this run: no such field")
    assert stage.service.told == [("require", "e", "p")]


def test_a_refusal_is_the_providers_where_no_other_run_is_taken(stage: Stage) -> None:
    stage.noted.refused = of_the_sdk("CommError", "no such field")
    stage.service.refuses = ProviderOfflineError("away")
    assert raised(stage)[:2] == ("ProviderOfflineError", "away")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (("UsageError", "odd"), "WandbRefusedError", "odd"),
        (ValidationError("odd"), "WandbRefusedError", "odd"),
        (
            ("CommError", "run r was previously created and deleted"),
            "WandbRefusedError",
            "the run was deleted at W&B: run r was previously created and deleted",
        ),
        (KeyError("odd"), "UploadError", "KeyError: 'odd'"),
        (("Error", "HTTP 500"), "UploadError", "Error: HTTP 500"),
        (MailboxClosedError(), "ProviderBrokenError", "wandb-core ended: MailboxClosedError"),
        (HandleAbandonedError(), "ProviderBrokenError", "wandb-core ended: HandleAbandonedError"),
        (
            ConnectionResetError(104, "reset"),
            "ProviderBrokenError",
            "wandb-core ended: ConnectionResetError",
        ),
        (BrokenPipeError(), "ProviderBrokenError", "wandb-core ended: BrokenPipeError"),
    ],
)
def test_an_error_says_whose_it_is(
    stage: Stage, error: Exception | tuple[str, str], kind: str, words: str
) -> None:
    stage.noted.refused = found = of_the_sdk(*error) if isinstance(error, tuple) else error
    assert raised(stage) == (kind, words, found)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (("AuthenticationError", "invalid"), f"invalid{KEY}"),
        (("UsageError", "no API key found"), f"no API key found{KEY}"),
        (
            ("CommError", "tls: unknown certificate authority"),
            (
                "wandb-core can't go to W&B: tls: unknown certificate authority. Check "
                "REQUESTS_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY and NO_PROXY."
            ),
        ),
    ],
)
def test_what_bars_all_runs_blocks(stage: Stage, error: tuple[str, str], words: str) -> None:
    stage.noted.refused = of_the_sdk(*error)
    assert raised(stage)[:2] == ("ProviderBlockedError", words)


def test_a_run_that_does_not_finish_was_not_uploaded(stage: Stage) -> None:
    stage.noted.unfinished = error = TimeoutError("10 s")
    assert raised(stage) == ("UploadError", "TimeoutError: 10 s", error)


def test_a_run_of_another_id_blocks_and_is_not_finished(stage: Stage) -> None:
    stage.noted.made = "theirs"
    words = (
        "W&B made a run of another id, theirs, than we asked for. Something shapes our runs, such as a sweep "
        "in a variable or settings file of W&B: remove it."
    )
    assert raised(stage)[:2] == ("ProviderBlockedError", words)
    assert [told[0] for told in stage.noted.told] == ["init"]


def test_without_room_for_files_that_is_what_an_error_comes_of(
    stage: Stage, tmp_path: Path
) -> None:
    stage.noted.refused = of_the_sdk("CommError", "timed out")
    tmp_path.rmdir()
    gone = f"{tmp_path} is gone, where W&B's SDK has its files"
    assert raised(stage)[:2] == ("ProviderBrokenError", gone)


def test_what_is_left_of_a_failed_run_is_removed(stage: Stage, tmp_path: Path) -> None:
    (left := tmp_path / "wandb" / "run-1-r").mkdir(parents=True)
    stage.noted.refused = KeyError("odd")
    raised(stage)
    assert not left.exists()
