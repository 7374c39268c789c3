"""Trusts and distrusts other sites; lists the trusted ones, and finds
the one that a bundle is written for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.public_site import PublicSite, encoded_keys, keys_of
from fairmind_sync.outbox import operator_log, sites
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.operator_log import Actor

_HOW = "Have it trusted first: fairmind-sync bundle trust LINE"


def trust(engine: Engine, own: PublicSite, site: PublicSite, by: Actor | None = None) -> bool:
    """Trusts the site, or takes over its new name; returns whether that changed anything.

    Raises:
        BundleError: it is this site itself, or another site of that name is trusted.
    """
    if site.keys == own.keys:
        raise BundleError("this is the identity of this site itself: carry it to the other one.")
    with writing(engine) as connection:
        now = current_time(engine)
        other = sites.find(connection, site.name)
        if other is not None and other.fingerprint != site.fingerprint:
            raise BundleError(
                f"another site {site.name} is trusted, with the fingerprint {other.fingerprint}. If its keys "
                f"were replaced, run first: fairmind-sync bundle distrust {site.name}"
            )
        is_new = sites.trust(connection, _record(site), now)
        operator_log.note(connection, "trust", by, now, subject=_named(site), count=int(is_new))
    return is_new


def distrust(engine: Engine, named: str, by: Actor | None = None) -> tuple[PublicSite, int]:
    """Trusts the site no longer; returns it, and how many deliveries it still has.

    Raises:
        BundleError: no such site is trusted.
    """
    with writing(engine) as connection:
        now = current_time(engine)
        record = _found(sites.find(connection, named), named)
        held = sites.held_by(connection, record.fingerprint)
        sites.distrust(connection, record)
        site = _site(record)
        operator_log.note(connection, "distrust", by, now, subject=_named(site), count=1)
    return site, held


def partner(engine: Engine, named: str | None) -> PublicSite:
    """Returns the trusted site of that name; where none is named, the only one.

    Raises:
        BundleError: no such site is trusted, or none is named and there are several.
    """
    with reading(engine) as connection:
        if named is not None:
            return _site(_found(sites.find(connection, named), named))
        every = [record for record, _ in sites.trusted(connection)]
    if not every:
        raise BundleError(f"no site is trusted yet. {_HOW}")
    if len(every) > 1:
        names = ", ".join(one.name for one in every)
        raise BundleError(f"several sites are trusted ({names}): name one with --for.")
    return _site(every[0])


def trusted(engine: Engine) -> dict[str, PublicSite]:
    """Returns the trusted sites by their fingerprints."""
    with reading(engine) as connection:
        return {record.fingerprint: _site(record) for record, _ in sites.trusted(connection)}


def _found(record: SiteRecord | None, named: str) -> SiteRecord:
    if record is None:
        raise BundleError(f"no site {named!r} is trusted. See: fairmind-sync bundle trusted")
    return record


def _site(record: SiteRecord) -> PublicSite:
    return PublicSite(record.name, keys_of(record.keys))


def _record(site: PublicSite) -> SiteRecord:
    return SiteRecord(site.fingerprint, site.name, encoded_keys(site))


def _named(site: PublicSite) -> str:
    return f"site {site.name} ({site.fingerprint})"
