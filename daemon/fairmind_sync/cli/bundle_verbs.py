"""Verbs on bundles: bundle export, import, receipts, take-back, list."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync.cli import when
from fairmind_sync.cli.byte_counts import MostBytes, bytes_of
from fairmind_sync.cli.command import AsJson, by_command, current_settings, opened
from fairmind_sync.cli.filters import Limit, chooses_what_waits
from fairmind_sync.cli.how_many import rest_of
from fairmind_sync.cli.listing import Column, Cut, Listing, ShownOn
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.when import shown
from fairmind_sync.results.states import DEAD, HANDED_OVER
from fairmind_sync.text import counted

if TYPE_CHECKING:
    from collections import Counter

    from sqlalchemy import Engine

    from fairmind_sync.handover.identity import OwnSite
    from fairmind_sync.handover.reading_bundles import ReadReport
    from fairmind_sync.handover.writing_bundles import Sender, WrittenBundle
    from fairmind_sync.outbox.delivery_lookup import RunFilter

bundle = typer.Typer(
    help="Hand deliveries over without a network, and hear what became of them.",
    no_args_is_help=True,
)
ForSite = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="SITE", help="The trusted site; needn't be given if there is one."
    ),
]
Encrypted = Annotated[
    bool, typer.Option("--encrypt", help="So that only the recipient's site can read it.")
]
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file that isn't there yet.")]
_WORDS = {
    "new": "{} new",
    "known": "{} here already",
    "retried": "{} tried again, that were dead here",
    "owed": "{} of results that are owed here already",
    "delivered": "{} delivered",
    "dead": "{} dead there",
    "unchanged": "{} without news",
    "under_way": "{} being sent from here now: read the file again later",
    "never_handed_over": "{} that this database never handed over to that site, left as they are",
    "unknown": "{} that are not in this database",
    "deleted": "{} of the delivered belong to results that were deleted here: their runs are there",
}


def own_site() -> tuple[Engine, OwnSite]:
    """Opens the database, and returns its site, which is made at its first use."""
    from fairmind_sync.handover import identity

    settings = current_settings()
    engine = opened(settings)
    return engine, identity.own_site(engine, settings.site_key_file)


def _sender(site: str | None) -> Sender:
    from fairmind_sync.handover.partners import partner
    from fairmind_sync.handover.writing_bundles import Sender

    engine, own = own_site()
    return Sender(engine, own, partner(engine, site), by_command())


@bundle.command()
@chooses_what_waits
def export(
    file: NewFile,
    site: ForSite = None,
    max_size: MostBytes = "100MB",
    *,
    wanted: RunFilter,
    encrypt: Encrypted = False,
    again: Annotated[
        bool, typer.Option("--again", help="What the site has already, and no receipts tell of.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what is pending as one signed file for another site, which delivers it; oldest first.

    From then on nobody delivers it here.

    Example: fairmind-sync bundle export /media/stick/out.bundle --for courier --encrypt
    """
    from fairmind_sync.handover import writing_bundles
    from fairmind_sync.relay.decision import decide

    sender = _sender(site)
    decide(sender.engine, current_settings())
    written = writing_bundles.export(
        sender,
        file,
        wanted,
        most_bytes=bytes_of(max_size),
        is_encrypted=encrypt,
        again=again,
    )
    if as_json:
        _print_written(sender, written)
    elif not written.deliveries:
        say(
            f"nothing {'has to go again' if again else 'is pending'} for site {sender.recipient.name}"
        )
    else:
        say(
            f"wrote {file} for site {sender.recipient.name}: "
            f"{counted(written.deliveries, 'delivery', 'deliveries')} of "
            f"{counted(written.results, 'result')}, {written.bytes / 1e6:.1f} MB"
        )
        if written.remaining:
            say(f"{written.remaining:,} more had no room: export again into another file")
        if written.too_large:
            left_out = ", ".join(map(repr, written.too_large))
            say(f"larger than a bundle can hold, and left out: the results of {left_out}")


@bundle.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Of results, or receipts.")
    ],
    max_size: MostBytes = "1GB",
    *,
    as_json: AsJson = False,
) -> None:
    """Read bundles: deliver what they hold from here, or record what receipts tell; repeats change nothing.

    Each file is read whole or refused; exit 1 if one is refused.

    Example: fairmind-sync bundle import /media/stick/out.bundle
    """
    from fairmind_sync.errors import BundleError
    from fairmind_sync.handover import reading_bundles

    settings = current_settings()
    engine, own = own_site()
    most_bytes, private_fields = bytes_of(max_size), settings.private_fields
    refused: list[dict[str, str]] = []
    read: list[ReadReport] = []
    for file in files:
        try:
            one = reading_bundles.read(
                engine, own, file, private_fields, most_bytes=most_bytes, by=by_command()
            )
        except BundleError as error:
            refused.append({"file": str(file), "reason": str(error)})
            of_which = "" if str(file) in str(error) else f"{file}: "
            say(f"fairmind-sync: {of_which}{error}", is_wrong=True)
            continue
        read.append(one)
        if not as_json:
            told = [_WORDS[kind].format(f"{n:,}") for kind, n in one.counts.items() if n]
            say(f"{file}: {one.kind} of site {one.site}: {', '.join(told) or 'nothing'}")
    if as_json:
        print_json({"read": [asdict(one) for one in read], "refused": refused})
    raise typer.Exit(1 if refused else 0)


@bundle.command()
def receipts(
    file: NewFile,
    site: ForSite = None,
    since: Annotated[
        datetime | None,
        typer.Option(help=f"Only of what ended then or later: {when.FORMS}.", **when.SINCE),
    ] = None,
    *,
    encrypt: Encrypted = False,
    as_json: AsJson = False,
) -> None:
    """Write what became of everything that came from a site, for that site to import.

    Example: fairmind-sync bundle receipts /media/stick/back.bundle --for home
    """
    from fairmind_sync.handover import writing_bundles

    sender = _sender(site)
    written = writing_bundles.write_receipts(sender, file, since, is_encrypted=encrypt)
    if as_json:
        _print_written(sender, written)
    elif not written.deliveries:
        say(f"nothing came from site {sender.recipient.name}")
    else:
        say(
            f"wrote {file} for site {sender.recipient.name}: "
            f"receipts of {counted(written.deliveries, 'delivery', 'deliveries')}"
        )


@bundle.command("take-back")
def take_back(
    named: Annotated[str, typer.Argument(metavar="BUNDLE", help="Its key's beginning.")],
    *,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="It is never imported, or the next export goes there again."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a bundle's deliveries pending here again, if its site is gone, or has other keys since.

    If both sites deliver them at once, runs can be made twice. For a lost file, 'export --again' is enough.

    Example: fairmind-sync bundle take-back 3f9c --yes
    """
    from fairmind_sync.handover import taking_back

    engine, _ = own_site()
    found, would = taking_back.bundle_named(engine, named)
    if would and not yes:
        fail(
            f"{_told_of_back(would)}, and site {found.site_name} delivers them all the same if it ever "
            "imports the bundle, or has done so. If that is out of the question, or the next export "
            "goes there again: --yes"
        )
    count = taking_back.take_back(engine, found, by_command()) if would else 0
    if as_json:
        print_json({"bundle": found.bundle_key, "changed": count})
    elif count:
        say(f"{counted(count, 'delivery', 'deliveries')} taken back from site {found.site_name}")
    elif taking_back.is_replaced(engine, found):
        fail(
            "nothing was taken back: what the bundle held went out again in newer ones. See: fairmind-sync "
            "bundle list"
        )
    else:
        fail("nothing was taken back: each delivery has an outcome, or was taken back before.")
    raise typer.Exit(0 if count else 1)


def _told_of_back(would: Counter[str]) -> str:
    waiting, dead = would[HANDED_OVER], would[DEAD]
    told = [f"{counted(waiting, 'delivery', 'deliveries')} would be pending here again"]
    if dead:
        told.append(f"{counted(dead, 'delivery', 'deliveries')} would stay dead")
    return " and ".join(told if waiting else told[1:])


@bundle.command("list")
def list_(limit: Limit = 50, *, as_json: AsJson = False) -> None:
    """List bundles, newest first: which went to whom, how many of their deliveries are out still, which came.

    Example: fairmind-sync bundle list
    """
    from fairmind_sync.outbox import bundle_log
    from fairmind_sync.storage.engine import reading

    engine, _ = own_site()
    with reading(engine) as connection:
        found = bundle_log.newest(connection, limit)
        total = bundle_log.how_many(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    columns = [
        Column("bundle", lambda one: one.bundle_key[:8], place=ShownOn.TERMINAL),
        Column("key", attrgetter("bundle_key"), place=ShownOn.PIPE),
        Column("way", attrgetter("direction")),
        Column("holds", attrgetter("kind")),
        Column("site", attrgetter("site_name"), Cut.MIDDLE),
        Column("deliveries", attrgetter("deliveries"), is_number=True),
        Column("out still", attrgetter("out_still"), is_number=True),
        Column("when", lambda one: shown(one.at)),
        Column("file", attrgetter("file"), Cut.MIDDLE),
    ]
    show(Listing(columns, found), *rest_of(len(found), total, "bundles"))


def _print_written(sender: Sender, written: WrittenBundle) -> None:
    is_there = written.deliveries > 0
    print_json(
        asdict(written)
        | {"file": written.file if is_there else None, "site": sender.recipient.name}
    )
