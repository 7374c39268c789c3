"""Mistakes around TLS and proxies, on the way to either provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.wandb.way_out import CERTIFICATES
from tests.system.mistakes.gateways import PASSWORD, USER, Gateway
from tests.system.mistakes.mistake import BLOCKED, Mistake

TOLD_NOTHING = dict.fromkeys(CERTIFICATES, "")
EXPIRED = Gateway(days=-1)
OF_LOCALHOST = Gateway(hosts="DNS:localhost")


@dataclass(frozen=True)
class _Names:
    """The variables that one provider has."""

    provider: ProviderName
    address: str
    authorities: tuple[str, ...]
    unchecked: str
    no_certificate: str
    """What is said of a file of certificates that holds none."""


MLFLOW = _Names(
    "mlflow",
    "MLFLOW_TRACKING_URI",
    ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"),
    "MLFLOW_TRACKING_INSECURE_TLS",
    "Have MLFLOW_TRACKING_SERVER_CERT_PATH name a file in PEM form",
)
WANDB = _Names(
    "wandb",
    "WANDB_BASE_URL",
    ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
    "WANDB_INSECURE_DISABLE_SSL",
    "Check WANDB_BASE_URL and REQUESTS_CA_BUNDLE or SSL_CERT_FILE",
)


def _of(names: _Names) -> Iterator[Mistake]:
    def mistake(
        situation: str,
        words: str,
        gateway: Gateway,
        mended: dict[str, str],
        address: str = "https://127.0.0.1:{front}",
        **more: str,
    ) -> Mistake:
        env = {**TOLD_NOTHING, names.address: address, **more}
        return Mistake(
            situation, names.provider, BLOCKED, words, env, gateway=gateway, mended=mended
        )

    first, second = names.authorities
    trusted = {"REQUESTS_CA_BUNDLE": "{authority}"}
    yield mistake(
        "a certificate that vouches for itself",
        f"self-signed certificate. Have {first} or {second} name a file",
        Gateway(is_self_signed=True),
        {first: "{shown}"},
    )
    for variable in names.authorities:
        yield mistake(
            f"a certificate of an authority that nobody knows, mended by {variable}",
            f"unable to get local issuer certificate. Have {first} or {second} name a file",
            Gateway(),
            {variable: "{authority}"},
        )
    yield mistake(
        f"a certificate of an authority that nobody knows, mended by {names.unchecked}",
        f"or set {names.unchecked}=true to check none",
        Gateway(),
        {names.unchecked: "true"},
    )
    yield mistake(
        "a file of certificates that holds none",
        names.no_certificate,
        Gateway(),
        {first: "{authority}"},
        **{first: "{nothing}"},
    )
    yield mistake(
        "another host's certificate",
        f"Write {names.address} with a host that the certificate names",
        OF_LOCALHOST,
        {names.address: "https://localhost:{front}"},
        **trusted,
    )
    yield mistake(
        "a certificate that has expired",
        f"certificate has expired. Have the certificate renewed, or set {names.unchecked}=true",
        EXPIRED,
        {names.unchecked: "true"},
        **trusted,
    )
    yield mistake(
        "http:// where TLS is spoken",
        f"TLS is spoken at {names.address}: write https://",
        Gateway(),
        {names.address: "https://127.0.0.1:{front}"},
        "http://127.0.0.1:{front}",
        **trusted,
    )
    yield Mistake(
        "https:// where no TLS is spoken",
        names.provider,
        BLOCKED,
        f"no TLS is spoken at {names.address}: write http://",
        {names.address: "https://127.0.0.1:{plain}"},
        gateway=Gateway(),
        mended={names.address: "http://127.0.0.1:{plain}"},
    )
    yield mistake(
        "a proxy that wants another password before it connects",
        "the proxy refuses us (407)",
        Gateway(),
        {"HTTPS_PROXY": f"http://{USER}:{PASSWORD}@127.0.0.1:{{proxy}}"},
        f"https://{names.provider}.example",
        HTTPS_PROXY=f"http://{USER}:wrong-{PASSWORD}@127.0.0.1:{{proxy}}",
        NO_PROXY="",
        **trusted,
    )


OF_GATEWAYS = (
    *_of(MLFLOW),
    Mistake(
        "a server that wants a certificate of ours",
        "mlflow",
        BLOCKED,
        "Set MLFLOW_TRACKING_CLIENT_CERT_PATH to a file",
        {"MLFLOW_TRACKING_URI": "https://127.0.0.1:{front}", "REQUESTS_CA_BUNDLE": "{authority}"},
        gateway=Gateway(wants_certificates=True),
        mended={"MLFLOW_TRACKING_CLIENT_CERT_PATH": "{ours}"},
    ),
    *_of(WANDB),
    Mistake(
        "a server that wants a certificate of ours",
        "wandb",
        BLOCKED,
        "W&B's SDK brings none: have it let us in without",
        {"WANDB_BASE_URL": "https://127.0.0.1:{front}", "REQUESTS_CA_BUNDLE": "{authority}"},
        gateway=Gateway(wants_certificates=True),
    ),
)
