"""The Service API under ``/v1``: signatures, results, deletion of faces, time and health."""

import json
from typing import Any

from flask import Blueprint, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from portal import clock, credentials
from portal.sandbox.requests import Refused, account, body
from portal.sandbox.store import Records, Store
from portal.verifeye import faces, signing

DEFAULT_LIFETIME = 86_400
SHORTEST_LIFETIME = 60
LONGEST_LIFETIME = 604_800

#: Longest text the API accepts to be signed, in characters.
_LONGEST_QUERY = 8192


def blueprint(store: Store) -> Blueprint:
    """Return the API's routes over ``store``."""
    room = Blueprint("api", __name__, url_prefix="/v1")

    @room.before_request
    def misbehave() -> ResponseReturnValue | None:
        """Do what ``POST /sandbox/faults`` ordered for this operation, if anything."""
        operation = request.path.removeprefix("/v1/").removeprefix("verification/")
        with store.transaction() as records:
            fault = records.take_order("fault", operation)
        if fault is None:
            return None
        clock.sleep(fault["delay"])
        return make_response(jsonify(error="ordered by a test"), fault["status"]) if fault["status"] else None

    @room.post("/signature/create")
    def create_signature() -> ResponseReturnValue:
        with store.transaction() as records:
            key = account(records)[0].api_key
        document = body()
        lifetime, with_nonce = _security(document.get("securitySettings"))
        return jsonify(_sign(_query(document), key, lifetime, with_nonce))

    @room.post("/signature/validate")
    def validate_signature() -> ResponseReturnValue:
        with store.transaction() as records:
            key = account(records)[0].api_key
        return jsonify(result="Valid" if signing.verify(_query(body()), key) else "Invalid")

    @room.get("/verification/get-session-result")
    def session_result() -> ResponseReturnValue:
        with store.transaction() as records:
            document = _result(records, request.args.get("verificationSessionId", ""))
        if document is None:
            raise Refused(404, "There is no result for this session.")
        return jsonify(document)

    @room.post(faces.DELETION_PATH.removeprefix("/v1"))
    def delete_face() -> ResponseReturnValue:
        with store.transaction() as records:
            collections = sorted({one.collection for one in account(records)})
            document = body()
            named = [document.get("externalId"), document.get("faceId")]
            if not any(named) or not all(value is None or isinstance(value, str) for value in named):
                raise Refused(400, "A face is named by externalId, faceId, or both.")
            deleted = records.delete_faces(collections, named[0] or None, named[1] or None)
        return jsonify(receipt=f"sandbox-{credentials.random_hex(64)}", deletedFaces=deleted)

    @room.get("/datetime/utc-now")
    def utc_now() -> ResponseReturnValue:
        with store.transaction() as records:
            account(records)
        return jsonify(utcNow=_iso_now())

    @room.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return current_app.response_class(_iso_now(), mimetype="text/plain")

    return room


def _iso_now() -> str:
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _query(document: dict[str, Any]) -> str:
    query = document.get("queryString")
    if not isinstance(query, str) or not query.removeprefix("?") or len(query) > _LONGEST_QUERY:
        raise Refused(400, "queryString is needed: the query to sign or to check.")
    return query.removeprefix("?")


def _security(settings: object) -> tuple[int | None, bool]:
    """Return the lifetime in seconds (None: for ever) and whether to add a nonce, by the vendor's rules."""
    if settings is None:
        return DEFAULT_LIFETIME, False
    if not isinstance(settings, dict):
        raise Refused(400, "securitySettings is an object.")
    expires = settings.get("expirationEnabled", True)
    with_nonce = settings.get("enableNonce", False)
    lifetime = settings.get("expirationInSeconds", DEFAULT_LIFETIME)
    if not isinstance(expires, bool) or not isinstance(with_nonce, bool):
        raise Refused(400, "expirationEnabled and enableNonce are true or false.")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int):
        raise Refused(400, "expirationInSeconds is a whole number.")
    if not SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        raise Refused(400, f"expirationInSeconds lies between {SHORTEST_LIFETIME} and {LONGEST_LIFETIME}.")
    if with_nonce and not expires:
        raise Refused(400, "A nonce needs expiration to be enabled.")
    return lifetime if expires else None, with_nonce


def _sign(query: str, key: str, lifetime: int | None, with_nonce: bool) -> dict[str, Any]:
    taken = {name.lower() for name, _ in signing.parse(query)}
    if taken & {"reexpiration", "renonce", "resignature"}:
        raise Refused(400, "The query already holds a parameter that signing adds.")
    answer: dict[str, Any] = {}
    if lifetime is not None:
        answer["expiration"] = clock.epoch() + lifetime
        query += f"&reExpiration={answer['expiration']}"
    if with_nonce:
        answer["nonce"] = credentials.random_hex(128)
        query += f"&reNonce={answer['nonce']}"
    signature = signing.sign(query, key)
    return {"signature": signature, "signedQueryString": f"{query}&{signing.SIGNATURE}={signature}", **answer}


def _result(records: Records, session_id: str) -> dict[str, Any] | None:
    """Return a finished session's result, if it belongs to the caller's account and is ready to be told."""
    own = {one.id for one in account(records)}
    session = records.session(session_id)
    if session is None or session["configuration_id"] not in own or session["result"] is None:
        return None
    if records.not_yet_ready(session["id"]):
        return None
    document: dict[str, Any] = json.loads(session["result"])
    return document
