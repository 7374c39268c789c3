"""Small requests to W&B's GraphQL API without its SDK: probe, look runs
up, test whether it takes runs; what its replies mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn
from uuid import uuid4

import requests
from requests.auth import AuthBase

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers import proxy, tls
from fairmind_sync.providers.causes import in_words
from fairmind_sync.providers.retry_after import retry_after
from fairmind_sync.providers.statuses import NEVER_A_PROVIDERS
from fairmind_sync.providers.wandb.credentials import Transport
from fairmind_sync.providers.wandb.mistakes import unreachable
from fairmind_sync.providers.wandb.run_files import NAMES
from fairmind_sync.redaction import redact

_DESTINATION = """query Destination($entity: String, $project: String!) {
  viewer { entity }
  project(name: $project, entityName: $entity) { readOnly }
}"""
_VIEWER = "query Viewer { viewer { entity } }"
_UPSERT = """mutation UpsertBucket($name: String!, $project: String, $entity: String) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity}) { bucket { id } }
}"""
_RUNS = """query Runs(
  $entity: String, $project: String!, $filters: JSONString, $most: Int, $files: [String]
) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: $most) {
      edges { node {
        name state historyLineCount summaryMetrics config tags group jobType notes sweepName
        files(names: $files, first: 10) { edges { node { name md5 } } }
      } }
    }
  }
}"""
_DELETE = """mutation DeleteRun($id: ID!) {
  deleteRun(input: {id: $id}) { clientMutationId }
}"""
_TLS = tls.TlsVariables(
    server="the W&B server",
    address="WANDB_BASE_URL",
    authorities="REQUESTS_CA_BUNDLE or SSL_CERT_FILE",
    own_certificate="W&B's SDK brings none: have it let us in without.",
    unchecked="WANDB_INSECURE_DISABLE_SSL=true",
)
_DELETIONS = 3
_MOST_OF_A_TEST = 100
_UNUSABLE = (
    requests.exceptions.InvalidSchema,  # a SOCKS proxy without PySocks
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)


class Service:
    """W&B at one address; `auth` signs each request, which goes by `transport`."""

    def __init__(self, base_url: str, auth: AuthBase, transport: Transport) -> None:
        self._base_url = base_url
        self._auth = auth
        self._transport = transport

    def viewer_entity(self, entity: str | None, project: str) -> str | None:
        """Returns the default entity of our key, if it has one, after a look at the destination.

        Raises:
            ProviderUnavailableError: W&B can't be reached, refuses our key, or lets the key only look at the
                project.
        """
        asked = partial(self._post, _DESTINATION, is_probe=True, entity=entity, project=project)
        reply = asked()
        if _is_page(reply):  # a single page may be a disturbance: asked once more
            reply = asked()
        if reply.status_code == requests.codes.bad_request:  # a server that doesn't know a field
            reply = self._post(_VIEWER)
        answer = self._data(reply)
        viewer = answer["data"].get("viewer")
        if not viewer:
            refuse_key("W&B doesn't know the key")
        if answer.get("errors"):
            refuse_project(_words(answer))
        seen = answer["data"].get("project")
        if isinstance(seen, Mapping) and seen.get("readOnly"):
            refuse_project(f"the key may only look at {entity or viewer['entity']}/{project}")
        return None if viewer.get("entity") is None else str(viewer["entity"])

    def has_project(self, entity: str, project: str) -> bool:
        """Returns whether there is such a project that we may see.

        Raises:
            ProviderUnavailableError: W&B can't be asked.
        """
        reply = self._post(_DESTINATION, entity=entity, project=project)
        return bool(self._data(reply)["data"].get("project"))

    def require_runs(self, entity: str | None, project: str) -> None:
        """Makes a run without content and deletes it: a refusal of another run is that run's fault, then.

        Raises:
            ProviderUnavailableError: W&B takes no runs there.
        """
        name = f"check-{uuid4().hex}"
        reply = self._post(_UPSERT, name=name, project=project, entity=entity)
        answer = self._json(reply)
        if reply.status_code >= requests.codes.bad_request or answer.get("errors"):
            self._raise_for_status(reply)
            refuse_project(_words(answer))
        bucket = ((answer.get("data") or {}).get("upsertBucket") or {}).get("bucket") or {}
        if "id" in bucket:
            self._delete(str(bucket["id"]))

    def _delete(self, bucket_id: str) -> None:
        """Deletes a run; asks again where no answer came, as nobody else would remove it."""
        for _ in range(_DELETIONS):
            with suppress(ProviderOfflineError):
                if self._post(_DELETE, id=bucket_id).ok:
                    return

    def runs(self, entity: str, project: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Returns what `held` reads of the runs that W&B holds.

        Raises:
            ProviderUnavailableError: the runs can't be read now.
        """
        return self._runs(entity, project, {"name": {"$in": ids}}, len(ids))

    def finished_runs(self, entity: str, project: str, test_id: str) -> list[Mapping[str, Any]]:
        """Returns what `held` reads of a test's finished runs, whatever their ids; raises as `runs`."""
        wanted = {"config.test_id": test_id, "state": "finished"}
        return self._runs(entity, project, wanted, _MOST_OF_A_TEST)

    def _runs(
        self, entity: str, project: str, wanted: Mapping[str, Any], most: int
    ) -> list[Mapping[str, Any]]:
        filters, files = json.dumps(wanted), [*NAMES.values()]
        reply = self._post(
            _RUNS, entity=entity, project=project, filters=filters, most=most, files=files
        )
        self._raise_for_status(reply)
        if reply.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            refuse_key(f"W&B answers {reply.status_code}")
        answer = self._json(reply)
        try:
            seen = answer["data"]["project"]
            return [] if seen is None else [edge["node"] for edge in seen["runs"]["edges"]]
        except (KeyError, TypeError):
            why = _words(answer) if answer else f"it answers {reply.status_code}, and no JSON"
            raise ProviderOfflineError(f"W&B's runs can't be read back: {why}") from None

    def require_stream(self, run: str) -> None:
        """Sends nothing to the file stream of a run; `run` is entity/project/id.

        Raises:
            ProviderUnavailableError: the file stream takes nothing now.
        """
        self._raise_for_status(self._send(f"files/{run}/file_stream", {}))

    def _post(self, query: str, *, is_probe: bool = False, **variables: Any) -> requests.Response:
        return self._send("graphql", {"query": query, "variables": variables}, is_probe=is_probe)

    def _send(
        self, path: str, body: Mapping[str, Any], *, is_probe: bool = False
    ) -> requests.Response:
        try:
            return self._transport.post(f"{self._base_url}/{path}", json=body, auth=self._auth)
        except requests.exceptions.RequestException as error:
            self._raise_unreachable(error, is_probe=is_probe)

    def _raise_unreachable(
        self, error: requests.exceptions.RequestException, *, is_probe: bool
    ) -> NoReturn:
        wrong = proxy.refusal(error) or tls.refusal(error, _TLS)
        if is_probe:
            wrong = wrong or tls.look(error, self._base_url, _TLS)
        if wrong:
            raise ProviderBlockedError(wrong) from error
        if isinstance(error, _UNUSABLE):
            raise ProviderBlockedError(
                f"WANDB_BASE_URL or a proxy's variable can't be used: {redact(str(error))} "
                "For a SOCKS proxy, run: pip install 'requests[socks]'"
            ) from error
        no_connection = isinstance(error, requests.exceptions.ConnectionError)
        away = unreachable(self._base_url, in_words(error))
        raise ProviderOfflineError(
            str(away), address=away.address if no_connection else None
        ) from error

    def _raise_for_status(self, reply: requests.Response) -> None:
        """Raises for a status that says nothing of the project; returns for any other."""
        status = reply.status_code
        if status == requests.codes.proxy_authentication_required:
            raise ProviderBlockedError(proxy.REFUSES)
        if status in NEVER_A_PROVIDERS:
            _refuse_server(status)
        if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
            raise ProviderOfflineError(f"W&B answers {status}", retry_after(reply.headers))

    def _data(self, reply: requests.Response) -> dict[str, Any]:
        status = reply.status_code
        self._raise_for_status(reply)
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            refuse_key(f"W&B answers {status}")
        if status != requests.codes.ok:
            _refuse_server(status)
        if _is_page(reply):
            raise ProviderBlockedError(
                "what answers at WANDB_BASE_URL is a page, and no W&B server. Check the address."
            )
        answer = self._json(reply)
        if not isinstance(answer.get("data"), dict):
            raise ProviderOfflineError("W&B's answer makes no sense")
        return answer

    def _json(self, reply: requests.Response) -> dict[str, Any]:
        try:
            answer = reply.json()
        except ValueError:
            answer = None
        return answer if isinstance(answer, dict) else {}


def _is_page(reply: requests.Response) -> bool:
    return reply.ok and "html" in reply.headers.get("Content-Type", "")


def _refuse_server(status: int) -> NoReturn:
    raise ProviderBlockedError(
        f"what answers at WANDB_BASE_URL is no W&B server ({status}). Check the address."
    )


def refuse_key(what: str) -> NoReturn:
    raise ProviderBlockedError(
        f"{what}: check WANDB_API_KEY, or run 'wandb login'; a key is shown at wandb.ai/authorize."
    )


def refuse_project(what: str) -> NoReturn:
    raise ProviderBlockedError(
        f"W&B refuses the project: {what}. Check WANDB_ENTITY, WANDB_PROJECT and the key's rights."
    )


def _words(answer: Mapping[str, Any]) -> str:
    errors = answer.get("errors") or [{}]
    first = errors[0] if isinstance(errors, list) else {}
    return str(first.get("message") or "no reason given") if isinstance(first, Mapping) else ""
