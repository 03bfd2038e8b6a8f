"""The client of VerifEye's Service API: what the portal asks and what it makes of the answers.

The API key goes into one header and into nothing else: no message, log line or ``repr`` of this module
holds it, nor any query, body or identifier of a person.
"""

import logging
import re
from collections.abc import Callable, Mapping

from portal import clock, credentials
from portal.http import Answer, Outbound, OutboundError, OutboundRefusedAddress, OutboundUnavailable
from portal.verifeye import faces, signing
from portal.verifeye.errors import ResultNotReady, VerifEyeRefused, VerifEyeUnavailable
from portal.verifeye.identifiers import is_uuid
from portal.verifeye.regions import Endpoints
from portal.verifeye.results import Result, parse_result

_log = logging.getLogger(__name__)

#: The only parameters the portal ever sends, beside the three that signing adds.
OUR_PARAMETERS = frozenset({"state", "reExternalId"})
SHORTEST_LIFETIME = 60
LONGEST_LIFETIME = 604_800

#: Seconds between two askings for a result; together the ten seconds a person can be kept waiting.
_PATIENCE = (0.25, 0.5, 1.0, 1.5, 2.0, 2.0, 2.5)
_LONGEST_WAIT = sum(_PATIENCE)

_KEY = re.compile(r"[\x21-\x7e]{1,512}")
_VALUE = re.compile(r"[a-z0-9-]{1,128}")
_QUERY = re.compile(r"[A-Za-z0-9=&%._~!$()*,;@/:+-]{1,4096}")
_ADDED = {
    "reExpiration": re.compile(r"[0-9]{1,12}"),
    "reNonce": re.compile(r"[0-9A-Za-z-]{8,64}"),
    signing.SIGNATURE: re.compile(r"[0-9A-Za-z+/=_-]{16,512}"),
}


class VerifEyeClient:
    """One configuration's view of VerifEye: its region, its API key, and the connections to it.

    Takes the region's ``endpoints``, the API key (visible ASCII, at most 512 characters; raises
    :class:`VerifEyeRefused` otherwise) and an ``outbound`` to share between clients, which carries the
    time-outs, pools and circuit breakers. With ``sign_locally`` signatures are computed here, by the
    vendor's published algorithm, instead of by the vendor. May be shared between threads.

    Every method raises :class:`VerifEyeUnavailable` if no usable answer came, and
    :class:`VerifEyeRefused` if VerifEye rejects the key or the request.
    """

    def __init__(
        self, endpoints: Endpoints, api_key: str, outbound: Outbound, *, sign_locally: bool = False
    ) -> None:
        if not _KEY.fullmatch(api_key):
            # Without this, the HTTP library would refuse the header in a message that quotes the key.
            raise VerifEyeRefused("the API key is empty, too long, or holds spaces or unusual characters")
        self._endpoints = endpoints
        self._api_key = api_key
        self._outbound = outbound
        self._breaker = outbound.breaker(endpoints.api_url)
        self._headers = {"Authorization": f"ApiKey {api_key}"}
        self._sign_locally = sign_locally

    def __repr__(self) -> str:
        """Name the API and not the key."""
        return f"VerifEyeClient({self._endpoints.api_url!r})"

    def signed_link(self, configuration_id: str, parameters: dict[str, str], lifetime_seconds: int) -> str:
        """Return a fresh, single-use, expiring link to the hosted page of a configuration.

        ``configuration_id`` is a UUID; ``parameters`` may hold ``state`` and ``reExternalId`` with values
        of ``[a-z0-9-]`` (anything else would survive the vendor's case-blind signature in another form);
        the lifetime is 60 to 604800 seconds. Raises ``ValueError`` for other arguments.
        """
        if not is_uuid(configuration_id):
            raise ValueError("a configuration id is a UUID")
        if not SHORTEST_LIFETIME <= lifetime_seconds <= LONGEST_LIFETIME:
            raise ValueError("a link lives between 60 seconds and 7 days")
        for name, value in parameters.items():
            if name not in OUR_PARAMETERS or not _VALUE.fullmatch(value):
                raise ValueError(f"the parameter {name!r} is not ours, or its value is not of [a-z0-9-]")
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        if self._sign_locally:
            query = self._sign_here(query, lifetime_seconds)
        else:
            query = self._sign_there(query, lifetime_seconds)
            _check_signed(query, parameters)
        return f"{self._endpoints.service_url}/verification/{configuration_id}?{query}"

    def is_valid(self, query: str) -> bool:
        """Say whether ``query``, exactly as the browser brought it, carries a valid signature.

        Validity means unaltered. It does not mean unused, unexpired, of this browser, or passed.
        """
        query = query.removeprefix("?")
        if self._sign_locally:
            return signing.verify(query, self._api_key)
        answer = self._post("/v1/signature/validate", {"queryString": query})
        if answer.status == 400:
            return False  # the query is the browser's: what VerifEye cannot even read is not valid
        document = _document(answer, "signature/validate")
        verdict = document.get("result")
        if verdict != "Valid" and verdict != "Invalid":
            raise VerifEyeUnavailable("signature/validate answered neither Valid nor Invalid")
        return verdict == "Valid"

    def result(self, session_id: str) -> Result:
        """Return VerifEye's own result for a session, asking for up to ten seconds until there is one.

        ``session_id`` is sent as given (a UUID with or without dashes; otherwise ``ValueError``). Raises
        :class:`ResultNotReady` if VerifEye does not know the session or has not finished with it.
        """
        if not is_uuid(session_id):
            raise ValueError("a session id is a UUID")
        path = f"/v1/verification/get-session-result?verificationSessionId={session_id}"
        deadline = clock.monotonic() + _LONGEST_WAIT
        for pause in (*_PATIENCE, None):
            answer = self._get(path)
            if answer.status not in {202, 404}:
                result = parse_result(_document(answer, "get-session-result"))
                if result.finished:
                    return result
            if pause is None or clock.monotonic() + pause > deadline:
                break
            clock.sleep(pause)
        raise ResultNotReady("VerifEye has no finished result for this session")

    def delete_face(self, *, external_id: str | None = None, face_id: str | None = None) -> str:
        """Ask VerifEye to forget a face and return its receipt; deleting what is gone succeeds.

        Raises ``ValueError`` if neither identifier is given, and :class:`VerifEyeRefused` if this VerifEye
        does not offer deletion by API.
        """
        answer = self._post(faces.DELETION_PATH, faces.deletion(external_id, face_id))
        if answer.status in {404, 405}:
            raise VerifEyeRefused("deleting faces is not offered by this VerifEye; use its console")
        return faces.receipt(_document(answer, "face deletion"))

    def healthz(self) -> str:
        """Return the service's own time stamp; needs no valid key, so it proves only reachability."""
        answer = self._get("/v1/healthz")
        _check_status(answer, "healthz")
        return answer.body[:64].decode("ascii", "replace").strip()

    def check_key(self) -> str:
        """Return VerifEye's idea of the time (ISO 8601, UTC), which it tells only to a known key."""
        value = _document(self._get("/v1/datetime/utc-now"), "datetime/utc-now").get("utcNow")
        if not isinstance(value, str):
            raise VerifEyeUnavailable("datetime/utc-now gave no time")
        return value[:64]

    def _sign_here(self, query: str, lifetime_seconds: int) -> str:
        lead = f"{query}&" if query else ""
        query = f"{lead}reExpiration={clock.epoch() + lifetime_seconds}&reNonce={credentials.random_hex(128)}"
        return f"{query}&{signing.SIGNATURE}={signing.sign(query, self._api_key)}"

    def _sign_there(self, query: str, lifetime_seconds: int) -> str:
        settings = {
            "enableNonce": True,
            "expirationEnabled": True,
            "expirationInSeconds": lifetime_seconds,
        }
        answer = self._post("/v1/signature/create", {"queryString": query, "securitySettings": settings})
        signed = _document(answer, "signature/create").get("signedQueryString")
        if not isinstance(signed, str):
            raise VerifEyeUnavailable("signature/create gave no signed query")
        return signed

    def _get(self, path: str) -> Answer:
        url = self._endpoints.api_url + path
        return self._exchange(path, lambda: self._outbound.get(url, headers=self._headers))

    def _post(self, path: str, document: object) -> Answer:
        url = self._endpoints.api_url + path
        return self._exchange(path, lambda: self._outbound.post_json(url, document, headers=self._headers))

    def _exchange(self, path: str, call: Callable[[], Answer]) -> Answer:
        """Make one call under the API's circuit breaker, with every failure in this room's own terms."""
        operation = path.partition("?")[0]
        try:
            with self._breaker.guard():
                answer = call()
                if answer.status == 429 or answer.status >= 500:
                    raise OutboundUnavailable(f"it answered {answer.status}")
        except OutboundRefusedAddress as error:
            raise VerifEyeRefused(f"the configured address cannot be called: {error}") from error
        except OutboundError as error:
            _log.warning("VerifEye unavailable at %s: %s", operation, error)
            raise VerifEyeUnavailable(f"VerifEye is unavailable: {error}") from error
        _log.debug("VerifEye answered %d at %s", answer.status, operation)
        return answer


def _check_status(answer: Answer, operation: str) -> None:
    """Let a 200 through; anything else that is left here is a refusal or a nonsense answer."""
    if answer.status == 200:
        return
    if 400 <= answer.status < 500:
        _log.error("VerifEye refused %s with status %d", operation, answer.status)
        raise VerifEyeRefused(f"VerifEye refused {operation} with status {answer.status}")
    raise VerifEyeUnavailable(f"VerifEye answered {operation} with status {answer.status}")


def _document(answer: Answer, operation: str) -> dict[str, object]:
    """Return the JSON object of a 200 answer."""
    _check_status(answer, operation)
    try:
        document = answer.json()
    except OutboundError as error:
        raise VerifEyeUnavailable(f"VerifEye's answer to {operation} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise VerifEyeUnavailable(f"VerifEye's answer to {operation} is not a JSON object")
    return document


def _check_signed(query: str, parameters: Mapping[str, str]) -> None:
    """Make sure that a signed query still says what was asked, and nothing that would break a URL.

    It is used verbatim, so this is the moment to notice an answer that would send a person elsewhere.
    """
    pairs = signing.parse(query)
    values = dict(pairs)
    added = {name: value for name, value in values.items() if name not in parameters}
    if (
        not _QUERY.fullmatch(query)
        or len(values) != len(pairs)
        or any(values.get(name) != value for name, value in parameters.items())
        or added.keys() != _ADDED.keys()
        or not all(shape.fullmatch(added[name]) for name, shape in _ADDED.items())
    ):
        raise VerifEyeUnavailable("the signed query is not the one that was asked for")
