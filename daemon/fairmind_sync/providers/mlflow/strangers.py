"""Says who answers in the place of an MLflow server (a gateway, a sign-in page, AirPlay), and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from fairmind_sync.text import shorten, words_of

_GATEWAY = (
    "a gateway before the MLflow server refuses us; {said}. Check MLFLOW_TRACKING_USERNAME, "
    "MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, and what the gateway lets through."
)
_ELSEWHERE = (
    "MLFLOW_TRACKING_URI leads elsewhere ({status} to {location}), probably to a page to sign in. "
    "Set the address at which MLflow's API itself answers."
)
_SENTENCES = {
    200: (
        "what answers at MLFLOW_TRACKING_URI is a page, maybe to sign in, and no MLflow server; {said}. "
        "Check the address."
    ),
    401: _GATEWAY,
    403: _GATEWAY,
    407: "the proxy refuses us; {said}. Check user and password in HTTP_PROXY and HTTPS_PROXY.",
    413: "a gateway before the MLflow server takes no request of this size; {said}.",
    **dict.fromkeys((301, 302, 303, 307, 308), _ELSEWHERE),
}
_NO_SERVER = (
    "what answers at MLFLOW_TRACKING_URI is no MLflow server{server}; {said}. Check the address."
)
_AIRPLAY = (
    "macOS's AirPlay receiver answers at MLFLOW_TRACKING_URI. Start MLflow at another port than 5000, "
    "or turn the receiver off in the system's settings."
)
_LONGEST_QUOTE = 200


def stranger(status: int, headers: Mapping[str, str], body: str) -> str:
    """Returns a sentence on who sent the reply, which is none of MLflow's, with the reply's own words.

    `headers` are looked up as `requests` does, whatever their case.
    """
    server = headers.get("Server", "")
    if server.startswith(("AirTunes", "AirPlay")):
        return _AIRPLAY
    return _SENTENCES.get(status, _NO_SERVER).format(
        status=status,
        said=f"it says {status} {_words(body)}".rstrip(),
        server=f" ({server})" if server else "",
        location=headers.get("Location", "").partition("://")[2].partition("/")[0]
        or "a path there",
    )


def _words(body: str) -> str:
    """Returns the words of a page or text, quoted and shortened; nothing if there are none."""
    text = words_of(body)
    return f"'{shorten(text, _LONGEST_QUOTE)}'" if text else ""
