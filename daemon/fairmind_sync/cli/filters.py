"""The options that choose deliveries or results (`--test-id`,
`--since`, ...), and how a verb gets them as one filter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, TypeAlias

import typer

from fairmind_sync.cli import when
from fairmind_sync.cli.choices import A_PROVIDER, choice
from fairmind_sync.cli.command import PROVIDER_NAMES
from fairmind_sync.provider_names import either
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.risk_levels import LEVELS
from fairmind_sync.results.states import STATUSES

_PANEL = "Which ones"

OfTest = Annotated[
    str | None, typer.Option("--test-id", help="Only of this test.", rich_help_panel=_PANEL)
]
OfModel = Annotated[
    str | None, typer.Option("--model-id", help="Only of this model.", rich_help_panel=_PANEL)
]
WithId = Annotated[
    str | None,
    typer.Option(
        "--search",
        help="Only with this in the id of the test or of the model.",
        rich_help_panel=_PANEL,
    ),
]
OfData = Annotated[
    str | None, typer.Option("--dataset-id", help="Only of this data set.", rich_help_panel=_PANEL)
]
OfUser = Annotated[
    str | None, typer.Option("--user-id", help="Only of this user.", rich_help_panel=_PANEL)
]
OfType = Annotated[
    str | None,
    typer.Option("--test-type", help="Only of this type of test.", rich_help_panel=_PANEL),
]
OfRisk = Annotated[
    str | None,
    typer.Option(
        "--risk",
        help=f"Only of this risk: {either(*LEVELS)}.",
        rich_help_panel=_PANEL,
        **choice(LEVELS, "risks"),
    ),
]
OfProvider = Annotated[
    str | None,
    typer.Option("--provider", help=PROVIDER_NAMES, rich_help_panel=_PANEL, **A_PROVIDER),
]
OfStatus = Annotated[
    str | None,
    typer.Option(
        "--status",
        help=f"{either(*STATUSES)}.",
        rich_help_panel=_PANEL,
        **choice(STATUSES, "statuses"),
    ),
]
WithError = Annotated[
    str | None,
    typer.Option("--error", help="Only with this in the last error.", rich_help_panel=_PANEL),
]
OfKind = Annotated[
    str | None,
    typer.Option(
        "--error-kind",
        help=f"Only with a last error of this kind: {either(*ErrorKind)}.",
        rich_help_panel=_PANEL,
        **choice([*ErrorKind], "kinds of error"),
    ),
]
OfCause = Annotated[
    str | None,
    typer.Option(
        "--cause",
        help="Only where the last error says this, with … for numbers, ids and what is quoted.",
        rich_help_panel=_PANEL,
    ),
]


def _since(of: str) -> Any:
    words = f"Only {of} then or later: {when.FORMS}."
    return typer.Option("--since", help=words, rich_help_panel=_PANEL, **when.SINCE)


def _until(of: str) -> Any:
    words = f"Only {of} before; a date alone is a whole day."
    return typer.Option("--until", help=words, rich_help_panel=_PANEL, **when.UNTIL)


QueuedSince = Annotated[datetime | None, _since("deliveries queued")]
QueuedUntil = Annotated[datetime | None, _until("deliveries queued")]
TestedSince = Annotated[datetime | None, _since("results tested")]
TestedUntil = Annotated[datetime | None, _until("results tested")]
Limit = Annotated[
    int, typer.Option("--limit", min=1, max=10**6, help="At most so many, newest first.")
]


_CHOOSE_DELIVERIES: dict[str, Any] = {
    "test_id": OfTest,
    "model_id": OfModel,
    "search": WithId,
    "user_id": OfUser,
    "test_type": OfType,
    "risk": OfRisk,
    "provider": OfProvider,
    "error": WithError,
    "error_kind": OfKind,
    "cause": OfCause,
    "since": QueuedSince,
    "until": QueuedUntil,
}
"""Each is a field of a RunFilter; together with the status, `CHOSEN_BY` has them all."""
_OF_ERRORS = ("error", "error_kind", "cause")


_Verb: TypeAlias = Callable[..., None]
_Made: TypeAlias = Callable[[Mapping[str, Any]], object]


def _run_filter(fields: Mapping[str, Any]) -> object:
    from fairmind_sync.outbox.delivery_lookup import RunFilter

    return RunFilter(**fields)


def _result_filter(fields: Mapping[str, Any]) -> object:
    from fairmind_sync.outbox.result_listing import ResultFilter

    return ResultFilter(**fields)


def _choosing(chosen_by: Mapping[str, Any], made: _Made) -> Callable[[_Verb], _Verb]:
    """Returns what gives a verb these options; the verb gets them as one filter, `wanted`, made of them."""

    def decorated(verb: _Verb) -> _Verb:
        @wraps(verb)
        def with_options(**given: Any) -> None:
            wanted = made({name: given.pop(name) for name in chosen_by})
            verb(**given, wanted=wanted)

        names = {"RunFilter": object, "ResultFilter": object}
        own = inspect.signature(verb, eval_str=True, locals=names).parameters
        options = {name: own[name] for name in own if name != "wanted"} | {
            name: Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in chosen_by.items()
        }
        in_order = sorted(options.values(), key=lambda option: option.kind)
        with_options.__signature__ = inspect.Signature(in_order)  # type: ignore[attr-defined]
        with_options.__annotations__ = {name: option.annotation for name, option in options.items()}
        return with_options

    return decorated


chooses_deliveries = _choosing(_CHOOSE_DELIVERIES, _run_filter)
"""For verbs on any deliveries."""
chooses_what_waits = _choosing(
    {name: option for name, option in _CHOOSE_DELIVERIES.items() if name not in _OF_ERRORS},
    _run_filter,
)
"""For verbs on what is pending."""
chooses_results = _choosing(
    {
        "model_id": OfModel,
        "dataset_id": OfData,
        "user_id": OfUser,
        "test_type": OfType,
        "risk": OfRisk,
        "since": TestedSince,
        "until": TestedUntil,
    },
    _result_filter,
)
"""For verbs on results; each option is a field of a ResultFilter."""
