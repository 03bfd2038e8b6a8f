"""Keeping verification configurations, and talking to VerifEye for one."""

import logging
import re
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import bindparam, select, update

from portal import clock, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.credentials import UnsealError
from portal.extensions import db, rows_touched, settings, table_of, vault
from portal.http import OperatorsOutbound, Outbound
from portal.models import MatchMode, VerificationConfiguration
from portal.settings import Settings, is_loopback
from portal.statements import Prepared, Row
from portal.verifeye.client import VerifEyeClient
from portal.verifeye.errors import VerifEyeRefused
from portal.verifeye.regions import REGIONS, Endpoints
from portal.verifeye.results import Verifier
from portal.verifeye.returns import documented_order, same_order
from portal.verifications.view import ConfigurationView

#: A configuration that is only read.
Configuration = VerificationConfiguration | ConfigurationView

_log = logging.getLogger(__name__)

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_EXTENSION = "portal.verifications"
#: Every process reads a configuration anew this often (seconds): so long one that was removed or changed may
#: still be used by another process than the one that was told.
REFRESH_SECONDS = 2.0
_MOST_REMEMBERED = 100
#: Returns in a row that teach an order which is not the documented one: at first, and against another.
_TO_LEARN = 2
_TO_RELEARN = 3
_T = table_of(VerificationConfiguration)
_FIND = Prepared(select(_T).where(_T.c.id == bindparam("id")))

#: What may be demanded besides the face, which always is.
OPTIONAL_VERIFIERS = (Verifier.LIVENESS, Verifier.AGE, Verifier.GENDER)


class ConfigurationExists(Exception):
    """There is a configuration with this id already."""


def canonical_id(text: str) -> str:
    """Return a configuration id as VerifEye writes it: lower-case with dashes. Raises ``ValueError``."""
    lowered = text.strip().lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError(
            "A verification configuration is named by its UUID, as at the end of its VerifEye address."
        )
    plain = lowered.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def find(configuration_id: str, *, removed_too: bool = False) -> VerificationConfiguration | None:
    """Return the configuration as it is now, if it exists and, without ``removed_too``, was not removed."""
    found = records.load(VerificationConfiguration, _FIND, {"id": configuration_id})
    return found if found is not None and (removed_too or found.removed_at is None) else None


def remembered(configuration_id: str) -> ConfigurationView | None:
    """Return how the configuration was at most :data:`REFRESH_SECONDS` ago, unless it was removed.

    For requests that only read it; whoever changes one, or decides by what may have been learnt just now,
    needs :func:`find`. Only configurations that exist are remembered.
    """
    views: dict[str, ConfigurationView] = current_app.extensions[_EXTENSION]["views"]
    view = views.get(configuration_id)
    if view is not None and clock.is_within(view.fresh_until, REFRESH_SECONDS):
        return view
    row = records.first(_FIND, {"id": configuration_id})
    if row is None or row["removed_at"] is not None:
        views.pop(configuration_id, None)
        return None
    view = _view(row)
    if len(views) < _MOST_REMEMBERED or configuration_id in views:
        views[configuration_id] = view
    return view


def forget_remembered() -> None:
    """Read every configuration anew: something about one is being changed in this process.

    At once for whoever changes it, and again after the commit: other requests read the former row until then.
    """
    held = current_app.extensions[_EXTENSION]
    _forget(held)
    records.afterwards(partial(_forget, held))


def _forget(held: dict[str, Any]) -> None:
    # Others and not emptied: what a thread has just read goes into the ones that nobody looks at any more.
    held["views"], held["clients"] = {}, {}


def every() -> list[VerificationConfiguration]:
    """Return every configuration that was not removed, oldest first."""
    return list(
        db.session.scalars(
            select(VerificationConfiguration)
            .where(VerificationConfiguration.removed_at.is_(None))
            .order_by(VerificationConfiguration.created_at)
        )
    )


def add(
    configuration_id: str,
    *,
    api_key: str,
    region: str | None,
    endpoints: Endpoints | None,
    match_mode: MatchMode,
    required: list[Verifier],
    sign_locally: bool,
) -> VerificationConfiguration:
    """Add a configuration (or bring a removed one back) and return it, flushed.

    Either ``region`` (``eu``, ``us``) or ``endpoints`` says where it is. Raises ``ValueError`` with a
    sentence for the operator, and :class:`ConfigurationExists`.
    """
    configuration_id = canonical_id(configuration_id)
    _require_key(api_key)
    where = endpoints or REGIONS[region or "eu"]
    for url in (where.service_url, where.api_url):
        _require_safe(url, settings())
    if find(configuration_id) is not None:
        raise ConfigurationExists(configuration_id)
    row = db.session.get(VerificationConfiguration, configuration_id) or VerificationConfiguration(
        id=configuration_id
    )
    row.region = "custom" if endpoints else (region or "eu")
    row.service_url, row.api_url = where.service_url, where.api_url
    row.api_key_sealed = vault().seal(api_key)
    row.match_mode = match_mode
    row.required_verifiers = sorted({verifier.value for verifier in required} | {Verifier.FACE.value})
    row.sign_locally = sign_locally
    row.created_at, row.removed_at, row.result_order = clock.now(), None, None
    db.session.add(row)
    _flush()
    record(Event.VERIFICATION_ADDED, verification=row.id, region=row.region)
    return row


def replace_key(configuration: VerificationConfiguration, api_key: str, *, checked: bool) -> None:
    """Use ``api_key`` from the next call to VerifEye on; the former one is forgotten. Flushes.

    ``checked``: VerifEye was asked whether it takes the key (for the audit log). Raises ``ValueError`` with a
    sentence for the operator, also where the configuration was removed meanwhile.
    """
    _require_key(api_key)
    changed = db.session.execute(
        update(VerificationConfiguration)
        .where(
            VerificationConfiguration.id == configuration.id, VerificationConfiguration.removed_at.is_(None)
        )
        .values(api_key_sealed=vault().seal(api_key))
    )
    if rows_touched(changed) == 0:
        raise ValueError("The verification configuration was removed meanwhile.")
    forget_remembered()
    record(Event.VERIFICATION_KEY_REPLACED, verification=configuration.id, checked=checked)


def remove(configuration: VerificationConfiguration) -> None:
    """Take a configuration out of use; its record stays for the journeys that name it, its key does not."""
    configuration.removed_at = clock.now()
    configuration.api_key_sealed = vault().seal("removed")
    _flush()
    record(Event.VERIFICATION_REMOVED, verification=configuration.id)


def required_verifiers(configuration: Configuration) -> frozenset[Verifier]:
    """Return what must be exactly ``passed`` for a capture to count; the face is always among it."""
    return frozenset({Verifier.FACE} | {Verifier(name) for name in configuration.required_verifiers})


def client_for(configuration: Configuration, api_key: str | None = None) -> VerifEyeClient:
    """Return the VerifEye client of ``configuration``; pools and breakers are shared in the process.

    ``api_key`` is one to try in the place of the configuration's own. The client of a remembered view is kept
    as long as the view: opening the sealed key costs more than signing a link with it.

    Raises ``UnsealError`` where the encryption key is not configured; for a remembered view
    ``VerifEyeRefused``: whoever is signing in is told what they are told of a key that VerifEye refuses.
    """
    if api_key is not None or not isinstance(configuration, ConfigurationView):
        return _new_client(configuration, api_key or vault().unseal(configuration.api_key_sealed))
    kept: dict[str, tuple[ConfigurationView, VerifEyeClient]] = current_app.extensions[_EXTENSION]["clients"]
    view, client = kept.get(configuration.id, (None, None))
    if client is None or view is not configuration:
        client = _new_client(configuration, _opened_key(configuration))
        kept[configuration.id] = configuration, client
    return client


def _opened_key(view: ConfigurationView) -> str:
    try:
        return vault().unseal(view.api_key_sealed)
    except UnsealError as error:
        _log.error(
            "VerifEye cannot be asked: put the encryption key that its API key was sealed with back into "
            "PORTAL_ENCRYPTION_KEY and restart",
            extra={"verification": view.id},
        )
        raise VerifEyeRefused("its API key cannot be opened") from error


def note_lasting_faces(configuration: VerificationConfiguration) -> None:
    """Note that a face was seen to keep its name at VerifEye; flushes."""
    if not configuration.face_ids_stable:
        configuration.face_ids_stable = True
        _flush()


def forget_order(configuration: VerificationConfiguration) -> None:
    """Learn the order of VerifEye's parameters anew from the next results; flushes."""
    configuration.result_order = configuration.order_candidate = None
    _flush()
    record(Event.VERIFICATION_ORDER_FORGOTTEN, verification=configuration.id)


def note_order(configuration: VerificationConfiguration, names: tuple[str, ...], session_id: str) -> bool:
    """Say whether a return's parameters stand in an order that is VerifEye's; flushes.

    Call it for a result that VerifEye vouched for, and for nothing else. The signature does not cover the
    order, and the documentation gives no more than parts of it: the first return that agrees with those
    sets the order. One that does not is taken only while nothing is learnt, and is learnt once two sessions
    in a row agree on it. Should the order change for good, a few sessions in a row teach it anew; one
    that stands in the learnt order starts that count again. So nobody can teach the portal a wrong order for
    longer than it takes honest people to unlearn it.
    """
    learnt = configuration.result_order
    if learnt is not None and same_order(names, tuple(learnt)):
        configuration.order_candidate = None
        return True
    if documented_order(names):
        if learnt is None:
            _learn(configuration, names)
            return True
        if not documented_order(tuple(learnt)):
            return True
    seen = configuration.order_candidate or {}
    sessions = seen["sessions"] if seen.get("names") == list(names) else []
    sessions = [*sessions, session_id] if session_id not in sessions else sessions
    if len(sessions) >= (_TO_LEARN if learnt is None else _TO_RELEARN):
        _learn(configuration, names)
        return True
    configuration.order_candidate = {"names": list(names), "sessions": sessions}
    _flush()
    return learnt is None


def _learn(configuration: VerificationConfiguration, names: tuple[str, ...]) -> None:
    configuration.result_order, configuration.order_candidate = list(names), None
    _flush()
    record(Event.VERIFICATION_ORDER_LEARNT, verification=configuration.id)


def init_app(app: Flask) -> None:
    """Prepare the shared outbound pools; nothing is connected before it is used."""
    app.extensions[_EXTENSION] = {"lock": Lock(), "outbound": None, "views": {}, "clients": {}}


def _flush() -> None:
    """Write a change of a configuration, which this process then has to read anew."""
    db.session.flush()
    forget_remembered()


def _view(row: Row) -> ConfigurationView:
    learnt = row["result_order"]
    return ConfigurationView(
        id=row["id"],
        region=row["region"],
        service_url=row["service_url"],
        api_url=row["api_url"],
        api_key_sealed=row["api_key_sealed"],
        match_mode=row["match_mode"],
        required_verifiers=tuple(row["required_verifiers"]),
        sign_locally=row["sign_locally"],
        result_order=tuple(learnt) if learnt is not None else None,
        is_learning=row["order_candidate"] is not None,
        face_ids_stable=row["face_ids_stable"],
        fresh_until=clock.after(REFRESH_SECONDS),
    )


def _new_client(configuration: Configuration, api_key: str) -> VerifEyeClient:
    return VerifEyeClient(
        Endpoints(configuration.service_url, configuration.api_url),
        api_key,
        _outbound(),
        sign_locally=configuration.sign_locally,
    )


def _outbound() -> Outbound:
    held = current_app.extensions[_EXTENSION]
    with held["lock"]:
        if held["outbound"] is None:
            held["outbound"] = OperatorsOutbound(
                connect_timeout=settings().verifeye_connect_timeout,
                read_timeout=settings().verifeye_read_timeout,
                breaker_failures=settings().verifeye_breaker_failures,
                breaker_seconds=settings().verifeye_breaker_seconds,
                party="verifeye",
            )
        outbound: Outbound = held["outbound"]
        return outbound


def _require_key(api_key: str) -> None:
    if not api_key or any(not 33 <= ord(letter) <= 126 for letter in api_key):
        raise ValueError("An API key is one line of visible ASCII characters without spaces.")


def _require_safe(url: str, configured: Settings) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and configured.allow_http_loopback and is_loopback(parts.hostname):
        return
    raise ValueError(f"{url} must begin with https://; plain http is for loopback in demo and test.")
