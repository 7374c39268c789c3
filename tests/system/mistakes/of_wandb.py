"""Mistakes around Weights & Biases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.standins.loopback import Reply
from tests.system.mistakes.mistake import (
    BLOCKED,
    OFFLINE,
    PROXY_AWAY,
    PROXY_OF_SOCKS,
    TO_SIGN_IN,
    UNDECIDED,
    Mistake,
    World,
    page,
)


def _refuse(status: int, words: str, world: World) -> None:
    world.wandb.store.refusal = (status, words)


def _let_look_only(world: World) -> None:
    world.wandb.store.is_read_only = True


def _be_well(world: World) -> None:
    world.wandb.store.refusal = None
    world.wandb.store.is_read_only = False


def _write_settings(folder: str, world: World) -> None:
    file = world.place / folder / "settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[default]\nmode = offline\n")


def _remove_settings(folder: str, world: World) -> None:
    Path(world.place / folder / "settings").unlink()


def _variable(situation: str, env: dict[str, str], words: str, state: str = BLOCKED) -> Mistake:
    return Mistake(situation, "wandb", state, words, env)


def _answers(situation: str, answer: Reply, words: str, state: str = BLOCKED) -> Mistake:
    return Mistake(situation, "wandb", state, words, {"WANDB_BASE_URL": "{impostor}"}, answer)


def _refusal(situation: str, status: int, words: str) -> Mistake:
    spoil = partial(_refuse, status, words)
    return Mistake(situation, "wandb", BLOCKED, words, spoil=spoil, mend=_be_well)


def _settings_file(situation: str, folder: str, env: dict[str, str]) -> Mistake:
    return Mistake(
        situation,
        "wandb",
        BLOCKED,
        "switched off by 'mode = offline'",
        env,
        spoil=partial(_write_settings, folder),
        mend=partial(_remove_settings, folder),
    )


OF_WANDB = (
    _variable(
        "the address of W&B's pages",
        {"WANDB_BASE_URL": "https://wandb.ai"},
        "write https://api.wandb.ai",
    ),
    _variable(
        "no scheme in the address", {"WANDB_BASE_URL": "localhost:8080"}, "write http://host:port"
    ),
    _variable(
        "nobody listens there",
        {"WANDB_BASE_URL": "http://127.0.0.1:1"},
        "can't be reached",
        OFFLINE,
    ),
    _variable(
        "the host is unknown",
        {"WANDB_BASE_URL": "http://nowhere.invalid"},
        "can't be reached",
        OFFLINE,
    ),
    _answers("a page to sign in", page(200), "is a page, and no W&B server"),
    _answers(
        "a redirection to sign in",
        TO_SIGN_IN,
        "is no W&B server (302)",
    ),
    _answers("somebody else's 404", page(404), "is no W&B server (404)"),
    _answers("a proxy's 407", page(407), "the proxy refuses us (407)"),
    _answers("a gateway's 502", page(502), "answers 502", OFFLINE),
    _answers("a gateway's 503", page(503), "answers 503", OFFLINE),
    _answers("429", page(429), "answers 429", OFFLINE),
    _variable("no key", {"WANDB_API_KEY": ""}, "wandb login"),
    _variable("a key that is too short", {"WANDB_API_KEY": "abc"}, "wandb login"),
    _variable("a key that W&B doesn't know", {"WANDB_API_KEY": "0" * 40}, "check WANDB_API_KEY"),
    _variable(
        "the team in the project's name",
        {"WANDB_PROJECT": "team/bias"},
        "did you mean WANDB_ENTITY=team and WANDB_PROJECT=bias?",
    ),
    _variable(
        "a character that no project has", {"WANDB_PROJECT": "bias#1"}, "none of / \\ # ? % :"
    ),
    _variable("a project's name of 200 characters", {"WANDB_PROJECT": "p" * 200}, "at most 128"),
    _variable("WANDB_MODE=offline", {"WANDB_MODE": "offline"}, "Unset WANDB_MODE"),
    _variable("WANDB_MODE=disabled", {"WANDB_MODE": "disabled"}, "Unset WANDB_MODE"),
    _variable("WANDB_DISABLED=true", {"WANDB_DISABLED": "true"}, "Unset WANDB_DISABLED"),
    _settings_file(
        "offline in the user's settings file", "config", {"WANDB_CONFIG_DIR": "{place}/config"}
    ),
    _settings_file("offline by `wandb offline`", "wandb", {"WANDB_DIR": "{place}"}),
    Mistake(
        "a key that may only look",
        "wandb",
        BLOCKED,
        "the key may only look at",
        spoil=_let_look_only,
        mend=_be_well,
    ),
    _refusal("a member who may only look", 403, "permission denied"),
    _refusal("an organisation for a team", 400, "acme is an organization, not a team"),
    _refusal("a team that is not there", 404, "entity acme not found during upsertBucket"),
    _refusal("a plan that ended", 402, "your plan has ended"),
    _variable(
        "REQUESTS_CA_BUNDLE names no file",
        {"WANDB_BASE_URL": "https://127.0.0.1:1", "REQUESTS_CA_BUNDLE": "{place}/no.pem"},
        "no.pem",
    ),
    _variable(
        "a proxy that nobody runs",
        PROXY_AWAY,
        "can't be reached",
        OFFLINE,
    ),
    _variable(
        "a SOCKS proxy without its package",
        PROXY_OF_SOCKS,
        "pip install 'requests[socks]'",
    ),
    _variable(
        "a file of an identity token that is not there",
        {"WANDB_API_KEY": "", "WANDB_IDENTITY_TOKEN_FILE": "{place}/no.jwt"},
        "no.jwt",
    ),
    _variable(
        "a rate that is none",
        {"FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND": "0"},
        "FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND",
    ),
    _variable("a provider that is none", {"MLOPS_PROVIDER": "wnadb"}, "MLOPS_PROVIDER", UNDECIDED),
)
