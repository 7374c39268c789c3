"""The small requests to W&B, and what each answer means: no server is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.wandb.run_files import NAMES
from fairmind_sync.providers.wandb.service import Service

AUTH = HTTPBasicAuth("api", "key")
HTML = {"Content-Type": "text/html"}
VIEWER = {"data": {"viewer": {"entity": "me"}, "project": {"readOnly": False}}}
KEY = ": check WANDB_API_KEY, or run 'wandb login'; a key is shown at wandb.ai/authorize."
RIGHTS = ". Check WANDB_ENTITY, WANDB_PROJECT and the key's rights."


def answer(said: object = None, status: int = 200, headers: Any = None) -> requests.Response:
    found = requests.Response()
    found.status_code = status
    found._content = said if isinstance(said, bytes) else json.dumps(said).encode()
    found.headers.update(headers or {})
    return found


class Transport:
    """Answers from a list, or raises what stands there; keeps path, variables and the query's first words."""

    def __init__(self, *answers: Any) -> None:
        self.answers = [*answers]
        self.asked: list[Any] = []

    def post(self, url: str, *, json: Any, auth: Any) -> requests.Response:
        assert auth is AUTH
        words = str(json.get("query", "")).partition("(")[0].partition("{")[0].strip()
        self.asked.append((url, words, json.get("variables")))
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, requests.Response)
        return found


def service(*answers: Any) -> tuple[Service, list[Any]]:
    transport: Any = Transport(*answers)
    return Service("https://w", AUTH, transport), transport.asked


def trouble(call: Callable[[], object]) -> tuple[type[Exception], str]:
    with pytest.raises((ProviderBlockedError, ProviderOfflineError)) as met:
        call()
    return met.type, str(met.value)


def viewer(*answers: Any, entity: str | None = "e") -> tuple[type[Exception], str]:
    asked, _ = service(*answers)
    return trouble(lambda: asked.viewer_entity(entity, "p"))


def test_the_keys_own_entity_is_told_after_a_look_at_the_destination() -> None:
    asked, calls = service(answer(VIEWER))
    assert asked.viewer_entity("e", "p") == "me"
    there = {"entity": "e", "project": "p"}
    assert calls == [("https://w/graphql", "query Destination", there)]


def test_a_key_without_an_entity_has_none() -> None:
    asked, _ = service(answer({"data": {"viewer": {"entity": None}, "project": None}}))
    assert asked.viewer_entity(None, "p") is None


def test_a_single_page_is_a_disturbance_and_two_are_no_server() -> None:
    page = answer(b"<html>", headers=HTML)
    asked, calls = service(page, answer(VIEWER))
    assert (asked.viewer_entity("e", "p"), len(calls)) == ("me", 2)
    words = "what answers at WANDB_BASE_URL is a page, and no W&B server. Check the address."
    assert viewer(page, page) == (ProviderBlockedError, words)


def test_an_older_server_is_asked_for_less() -> None:
    asked, calls = service(answer(status=400), answer({"data": {"viewer": {"entity": "me"}}}))
    assert asked.viewer_entity("e", "p") == "me"
    assert calls[1] == ("https://w/graphql", "query Viewer", {})


READ_ONLY = {"data": {"viewer": {"entity": "me"}, "project": {"readOnly": True}}}
NO_SERVER = "what answers at WANDB_BASE_URL is no W&B server ({}). Check the address."
REFUSALS = [
    (answer({"data": {"viewer": None}}), f"W&B doesn't know the key{KEY}"),
    (answer(status=401), f"W&B answers 401{KEY}"),
    (answer(status=403), f"W&B answers 403{KEY}"),
    (
        answer(VIEWER | {"errors": [{"message": "no such team"}]}),
        f"W&B refuses the project: no such team{RIGHTS}",
    ),
    (
        answer(VIEWER | {"errors": [{}]}),
        f"W&B refuses the project: no reason given{RIGHTS}",
    ),
    (answer(READ_ONLY), f"W&B refuses the project: the key may only look at e/p{RIGHTS}"),
    *((answer(status=status), NO_SERVER.format(status)) for status in (404, 501, 505, 511)),
]


@pytest.mark.parametrize(("reply", "words"), REFUSALS)
def test_why_w_and_b_takes_no_runs_is_told(reply: requests.Response, words: str) -> None:
    assert viewer(reply) == (ProviderBlockedError, words)


def test_a_key_that_may_only_look_is_told_with_its_own_entity() -> None:
    assert "may only look at me/p" in viewer(answer(READ_ONLY), entity=None)[1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_that_passes_is_an_outage(status: int) -> None:
    assert viewer(answer(status=status)) == (ProviderOfflineError, f"W&B answers {status}")


def test_an_outage_says_for_how_long() -> None:
    asked, _ = service(answer(status=429, headers={"Retry-After": "9"}))
    with pytest.raises(ProviderOfflineError) as away:
        asked.viewer_entity("e", "p")
    assert away.value.after == timedelta(seconds=9)


def test_a_proxy_that_wants_a_password_is_told() -> None:
    kind, words = viewer(answer(status=407))
    assert (kind, "proxy" in words) == (ProviderBlockedError, True)


@pytest.mark.parametrize("said", [b"no json", [], {}, {"data": None}])
def test_an_answer_that_makes_no_sense_is_an_outage(said: object) -> None:
    assert viewer(answer(said)) == (ProviderOfflineError, "W&B's answer makes no sense")


@pytest.mark.parametrize(("project", "there"), [({"readOnly": True}, True), (None, False)])
def test_a_project_is_there_or_not(project: Any, there: bool) -> None:
    asked, calls = service(answer({"data": {"project": project}}))
    assert asked.has_project("e", "p") is there
    assert calls[0][1:] == ("query Destination", {"entity": "e", "project": "p"})


MADE = answer({"data": {"upsertBucket": {"bucket": {"id": "b"}}}})


def test_that_runs_are_taken_is_proven_by_one_that_is_deleted() -> None:
    asked, calls = service(MADE, answer(status=500), ProviderOfflineError("away"), answer({}))
    asked.require_runs("e", "p")
    (_, made, there), *deleted = calls
    assert (made, there["entity"], there["project"]) == ("mutation UpsertBucket", "e", "p")
    assert there["name"].startswith("check-")
    assert deleted == [("https://w/graphql", "mutation DeleteRun", {"id": "b"})] * 3


def test_a_deletion_that_worked_is_not_repeated() -> None:
    asked, calls = service(MADE, answer({}))
    asked.require_runs("e", "p")
    assert len(calls) == 2


def test_a_run_without_an_id_is_not_deleted() -> None:
    for said in ({}, {"data": None}, {"data": {"upsertBucket": None}}):
        asked, calls = service(answer(said))
        asked.require_runs("e", "p")
        assert len(calls) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            answer({"errors": [{"message": "no rights"}]}),
            (ProviderBlockedError, f"W&B refuses the project: no rights{RIGHTS}"),
        ),
        (
            answer({"errors": [{"message": "gone"}]}, 400),
            (ProviderBlockedError, f"W&B refuses the project: gone{RIGHTS}"),
        ),
        (
            answer(b"", 400),
            (ProviderBlockedError, f"W&B refuses the project: no reason given{RIGHTS}"),
        ),
        (answer(status=503), (ProviderOfflineError, "W&B answers 503")),
    ],
)
def test_that_no_runs_are_taken_is_told(reply: requests.Response, told: object) -> None:
    asked, _ = service(reply)
    assert trouble(lambda: asked.require_runs("e", "p")) == told


def found(*names: str) -> requests.Response:
    edges = [{"node": {"name": name}} for name in names]
    return answer({"data": {"project": {"runs": {"edges": edges}}}})


def test_runs_are_read_by_their_ids_with_their_files() -> None:
    asked, calls = service(found("one", "two"))
    assert asked.runs("e", "p", ["a", "b"]) == [{"name": "one"}, {"name": "two"}]
    assert calls == [
        (
            "https://w/graphql",
            "query Runs",
            {
                "entity": "e",
                "project": "p",
                "filters": json.dumps({"name": {"$in": ["a", "b"]}}),
                "most": 2,
                "files": [*NAMES.values()],
            },
        )
    ]


def test_finished_runs_are_read_by_their_test() -> None:
    asked, calls = service(found("one"))
    assert asked.finished_runs("e", "p", "t") == [{"name": "one"}]
    variables = calls[0][2]
    wanted = {"config.test_id": "t", "state": "finished"}
    assert (json.loads(variables["filters"]), variables["most"]) == (wanted, 100)
    assert (variables["entity"], variables["project"]) == ("e", "p")


def test_a_project_that_is_not_shown_holds_no_runs() -> None:
    asked, _ = service(answer({"data": {"project": None}}))
    assert asked.runs("e", "p", ["a"]) == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer(status=401), (ProviderBlockedError, f"W&B answers 401{KEY}")),
        (answer(status=403), (ProviderBlockedError, f"W&B answers 403{KEY}")),
        (answer(status=502), (ProviderOfflineError, "W&B answers 502")),
        (
            answer(b"?", 404),
            (
                ProviderOfflineError,
                "W&B's runs can't be read back: it answers 404, and no JSON",
            ),
        ),
        (
            answer({"errors": [{"message": "odd"}], "data": None}),
            (ProviderOfflineError, "W&B's runs can't be read back: odd"),
        ),
        (answer({"errors": ["odd"]}), (ProviderOfflineError, "W&B's runs can't be read back: ")),
        (
            answer({"errors": "odd"}),
            (ProviderOfflineError, "W&B's runs can't be read back: no reason given"),
        ),
    ],
)
def test_why_runs_can_not_be_read_is_told(reply: requests.Response, told: object) -> None:
    asked, _ = service(reply)
    assert trouble(lambda: asked.runs("e", "p", ["a"])) == told


def test_the_file_stream_is_asked_whether_it_takes_anything() -> None:
    asked, calls = service(answer(status=404), answer(status=429))
    asked.require_stream("e/p/r")
    assert calls == [("https://w/files/e/p/r/file_stream", "", None)]
    assert trouble(lambda: asked.require_stream("e/p/r"))[0] is ProviderOfflineError


def test_a_server_that_is_not_there_is_told_with_its_address() -> None:
    asked, _ = service(requests.exceptions.ConnectionError("refused"))
    with pytest.raises(ProviderOfflineError) as away:
        asked.has_project("e", "p")
    assert (str(away.value), away.value.address) == (
        "W&B at https://w can't be reached: refused",
        "https://w",
    )


def test_a_time_out_is_no_word_of_the_address() -> None:
    asked, _ = service(requests.exceptions.ReadTimeout("slow"))
    with pytest.raises(ProviderOfflineError) as away:
        asked.has_project("e", "p")
    assert (str(away.value), away.value.address) == (
        "W&B at https://w can't be reached: slow",
        None,
    )


@pytest.mark.parametrize("error", ["InvalidSchema", "InvalidURL", "MissingSchema"])
def test_an_address_that_can_not_be_used_is_told(error: str) -> None:
    asked, _ = service(getattr(requests.exceptions, error)("odd."))
    words = (
        "WANDB_BASE_URL or a proxy's variable can't be used: odd. "
        "For a SOCKS proxy, run: pip install 'requests[socks]'"
    )
    assert trouble(lambda: asked.has_project("e", "p")) == (ProviderBlockedError, words)
