"""The checks of an authorization request: one small function each, in one visible order.

The order is the documentation. Until client and redirect_uri are proven an error is displayed; from
then on it is redirected. The same table serves pushed requests, so the two cannot drift apart.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from portal.extensions import settings
from portal.idv.requested import ClaimsRefused
from portal.oidc import claims, claims_request, clients, flows, request_objects, verified
from portal.oidc.clients import ClientView
from portal.oidc.errors import (
    INTERACTION_REQUIRED,
    INVALID_CLAIMS,
    INVALID_MAX_AGE,
    INVALID_PROMPT,
    INVALID_REQUEST_OBJECT,
    MISSING_OPENID,
    MISSING_RESPONSE_TYPE,
    NOBODY_TO_VERIFY,
    NOTHING_TO_VERIFY,
    PAR_REQUIRED,
    PKCE_MALFORMED,
    PKCE_REQUIRED,
    REGISTRATION_NOT_SUPPORTED,
    REPEATED,
    REQUEST_NOT_SUPPORTED,
    REQUEST_URI_NOT_SUPPORTED,
    UNKNOWN_FLOW,
    UNMET_REQUIREMENTS,
    UNREADABLE,
    UNSUPPORTED_RESPONSE_MODE,
    UNSUPPORTED_RESPONSE_TYPE,
    Displayed,
    ProtocolError,
    Redirected,
)
from portal.oidc.parameters import Parameters, is_visible_ascii

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "form_post")
CODE_CHALLENGE_METHODS = ("S256",)
PROMPTS = ("none", "login", "consent", "select_account")
SCOPES = ("openid", "profile", "email", "identity_assurance")

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_MAX_AGE = 10
#: Demanded of these; ``state`` may be any text.
_VISIBLE_ASCII = ("nonce", "scope", "prompt", "max_age", "response_type", "code_challenge")
#: Kept for the journey as they are; nothing else from a request survives its checks.
_KEPT = ("nonce", "login_hint", "acr_values", "ui_locales", "display", "prompt")
#: Okta names the application in two spellings; whichever came is echoed in the ID token.
APPLICATION_CONTEXT = ("app_name", "app_instance_id", "OktaAppName", "OktaAppInstanceId")
_LONGEST_CONTEXT = 255
#: What names us in what a client signs: the issuer, or an endpoint (RFC 7523 section 3, RFC 9126 section 2).
_PATHS_THAT_NAME_US = (
    "", "/", "/v1/openid/authorize", "/v1/openid/token", "/oauth2/token", "/oauth2/par", "/v1/openid/revoke",
)  # fmt: skip
#: Every parameter that means something here, whether it is kept or only checked.
UNDERSTOOD = frozenset(
    (
        *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "prompt", "max_age", "claims", "login_hint"),
        *("request", "request_uri", "registration", "id_token_hint", "acr_values", "ui_locales", "display"),
        *APPLICATION_CONTEXT,
    )
)


@dataclass
class Draft:
    """A request while it is being checked."""

    outside: Parameters
    parameters: Parameters
    client: ClientView | None = None
    redirect_uri: str | None = None
    response_mode: str = "query"
    integrity_proven: bool = False
    #: The client that pushes the request and has authenticated, or ``None`` at the authorization endpoint.
    pushed_by: ClientView | None = None
    verification_id: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Return the parameter ``name`` of the request that counts."""
        return self.parameters.get(name)

    def proven_client(self) -> ClientView:
        """Return the client, which an earlier check has proven."""
        assert self.client is not None
        return self.client

    def refuse(self, check: str, error: ProtocolError) -> Redirected:
        """Return the error to raise: answered at the redirect_uri, which an earlier check has proven."""
        assert self.redirect_uri is not None
        return Redirected(
            check,
            error,
            client_id=self.proven_client().id,
            redirect_uri=self.redirect_uri,
            response_mode=self.response_mode,
            state=self.get("state"),
        )


@dataclass(frozen=True)
class CheckedRequest:
    """A request that passed every check; ``parameters`` is what the journey stores."""

    client: ClientView
    parameters: dict[str, Any]
    integrity_proven: bool
    #: The verification configuration that will do the capture: the client's, or its flow's.
    verification_id: str


def check(received: Parameters, *, pushed_by: ClientView | None = None) -> CheckedRequest:
    """Run every check on ``received``; raises :class:`Displayed` or :class:`Redirected`.

    ``pushed_by`` is the authenticated client that pushes the request (RFC 9126 section 2.1).
    """
    draft = Draft(outside=received, parameters=received, pushed_by=pushed_by)
    draft.integrity_proven = pushed_by is not None
    for one_check in CHECKS:
        one_check(draft)
    return CheckedRequest(draft.proven_client(), draft.kept, draft.integrity_proven, draft.verification_id)


def _client_is_known(draft: Draft) -> None:
    client_id = draft.outside.get("client_id")
    if draft.pushed_by is not None and client_id in (None, draft.pushed_by.id):
        draft.client = draft.pushed_by
        return
    client = clients.find(client_id) if client_id and draft.pushed_by is None else None
    if client is None:
        raise Displayed(
            "client_id",
            "We do not know who is asking",
            "The sign-in page that sent you here is not registered with us.",
        )
    draft.client = client


def _redirect_uri_outside_is_registered_or_absent(draft: Draft) -> None:
    """Refuse a wrong address before anything else of the request is looked at."""
    uri = draft.outside.get("redirect_uri")
    if uri is None and ("redirect_uri" in draft.outside.values or not draft.outside.get("request")):
        raise _unregistered("redirect_uri")
    if uri is not None:
        _prove_redirect_uri(draft, uri)


def _request_object_verifies(draft: Draft) -> None:
    text = draft.outside.get("request")
    if text is None and "request" not in draft.outside.values:
        return
    _note_response_mode(draft)
    client = draft.proven_client()
    if not client.request_object_algs:
        raise _refuse_or_display(draft, "request", REQUEST_NOT_SUPPORTED)
    try:
        inside = request_objects.verify(text or "", client, audiences())
        draft.parameters = request_objects.merge(inside, draft.outside)
    except request_objects.RequestObjectRefused:
        raise _refuse_or_display(draft, "request", INVALID_REQUEST_OBJECT) from None
    draft.integrity_proven = True


def _redirect_uri_is_registered(draft: Draft) -> None:
    uri = draft.get("redirect_uri")
    if uri is None:
        raise _unregistered("redirect_uri")
    _prove_redirect_uri(draft, uri)


def _response_mode_is_offered(draft: Draft) -> None:
    _note_response_mode(draft)
    if draft.parameters.values.get("response_mode", "") not in ("", *RESPONSE_MODES):
        raise draft.refuse("response_mode", UNSUPPORTED_RESPONSE_MODE)


def _nothing_is_repeated(draft: Draft) -> None:
    if draft.parameters.repeated:
        raise draft.refuse("repeated", REPEATED)


def _everything_is_readable(draft: Draft) -> None:
    odd = not is_visible_ascii("".join([draft.get(name) or "" for name in _VISIBLE_ASCII]))
    # What nobody understands is ignored (RFC 6749 section 3.1), readable or not.
    if draft.parameters.unreadable & UNDERSTOOD or odd:
        raise draft.refuse("unreadable", UNREADABLE)


def _nothing_unoffered_is_asked(draft: Draft) -> None:
    # Also beside a request object: only one of the two may be there (RFC 9101 section 5).
    if draft.outside.values.get("request_uri"):
        raise draft.refuse("request_uri", REQUEST_URI_NOT_SUPPORTED)
    if draft.parameters.values.get("registration"):
        raise draft.refuse("registration", REGISTRATION_NOT_SUPPORTED)


def _request_is_pushed_where_it_must_be(draft: Draft) -> None:
    client = draft.proven_client()
    if draft.pushed_by is None and (client.require_par or client.profile.requires_par):
        raise draft.refuse("par", PAR_REQUIRED)


def _response_type_is_code(draft: Draft) -> None:
    response_type = draft.get("response_type")
    if response_type is None:
        raise draft.refuse("response_type", MISSING_RESPONSE_TYPE)
    if response_type not in RESPONSE_TYPES:
        raise draft.refuse("response_type", UNSUPPORTED_RESPONSE_TYPE)


def _scope_contains_openid(draft: Draft) -> None:
    asked = (draft.get("scope") or "").split(" ")
    if "openid" not in asked:
        raise draft.refuse("scope", MISSING_OPENID)
    # A downstream application can add scopes to Okta's request; what is not offered is not granted.
    draft.kept["scope"] = " ".join(scope for scope in SCOPES if scope in asked)


def _flow_exists(draft: Draft) -> None:
    """Settle which flow of the client is meant, and with it the verification and what is demanded."""
    client = draft.proven_client()
    try:
        flow = flows.of_scope(client.id, (draft.get("scope") or "").split(" "))
    except LookupError:
        raise draft.refuse("flow", UNKNOWN_FLOW) from None
    draft.verification_id = (flow and flow.verification_id) or client.verification_id
    if flow is not None:
        draft.kept["flow"] = {
            "name": flow.name,
            "purpose": flows.PURPOSES[flow.purpose],
            "required_verifiers": flow.required_verifiers,
            "returns": flow.claim_returns,
            "name_threshold": flow.name_threshold,
        }


def _pkce_is_s256(draft: Draft) -> None:
    challenge, method = draft.get("code_challenge"), draft.get("code_challenge_method")
    if challenge is None and method is None:
        client = draft.proven_client()
        if client.require_pkce or client.profile.requires_pkce:
            raise draft.refuse("pkce", PKCE_REQUIRED)
        draft.kept["code_challenge"] = None
        return
    if challenge is None or method not in CODE_CHALLENGE_METHODS or not _S256_CHALLENGE.fullmatch(challenge):
        raise draft.refuse("pkce", PKCE_MALFORMED)
    draft.kept["code_challenge"] = challenge


def _prompt_can_be_honoured(draft: Draft) -> None:
    prompts = (draft.get("prompt") or "").split()
    if any(prompt not in PROMPTS for prompt in prompts) or ("none" in prompts and len(prompts) > 1):
        raise draft.refuse("prompt", INVALID_PROMPT)
    if "none" in prompts:
        raise draft.refuse("prompt", INTERACTION_REQUIRED)


def _max_age_is_a_number(draft: Draft) -> None:
    """Every sign-in here is a fresh capture, so any ``max_age`` is met; it only has to be one."""
    max_age = draft.get("max_age")
    if max_age is not None and not (
        max_age.isdecimal() and max_age.isascii() and len(max_age) <= _LONGEST_MAX_AGE
    ):
        raise draft.refuse("max_age", INVALID_MAX_AGE)


def _claims_are_readable(draft: Draft) -> None:
    text = draft.get("claims")
    requested, draft.kept["claims"], draft.kept["verified_claims"] = None, {}, {}
    if text is not None:
        try:
            draft.kept["claims"] = claims_request.read(text)
            requested, draft.kept["verified_claims"] = verified.asked_for(text)
        except (claims_request.ClaimsUnreadable, ClaimsRefused):
            raise draft.refuse("claims", INVALID_CLAIMS) from None
    is_asked = requested is not None and requested.id_token.asks_for_a_claim_in_each()
    if draft.proven_client().profile.answers_failures and not is_asked:
        raise draft.refuse("claims", NOTHING_TO_VERIFY)


def _essential_acr_can_be_met(draft: Draft) -> None:
    """Refuse an essential ``acr`` that no capture here proves (OpenID Connect Core 5.5.1.1)."""
    demanded = claims_request.demanded_acr(draft.kept["claims"])
    if demanded and claims.acr_of(draft.verification_id) not in demanded:
        raise draft.refuse("acr", UNMET_REQUIREMENTS)


def _identity_verification_names_a_person(draft: Draft) -> None:
    """Demand a ``login_hint``: whoever is asked about must not be chosen by whoever sits there."""
    if draft.proven_client().profile.answers_failures and draft.get("login_hint") is None:
        raise draft.refuse("login_hint", NOBODY_TO_VERIFY)


def _keep_what_counts(draft: Draft) -> None:
    draft.kept["redirect_uri"] = draft.redirect_uri
    draft.kept["response_mode"] = draft.response_mode
    draft.kept["state"] = draft.get("state")
    for name in _KEPT:
        if (value := draft.get(name)) is not None:
            draft.kept[name] = value
    context = ((name, draft.get(name)) for name in APPLICATION_CONTEXT if name in draft.parameters.values)
    draft.kept["application"] = {name: value[:_LONGEST_CONTEXT] for name, value in context if value}


CHECKS = (
    _client_is_known,
    _redirect_uri_outside_is_registered_or_absent,
    _request_object_verifies,
    _redirect_uri_is_registered,
    _response_mode_is_offered,
    _nothing_is_repeated,
    _everything_is_readable,
    _nothing_unoffered_is_asked,
    _request_is_pushed_where_it_must_be,
    _response_type_is_code,
    _scope_contains_openid,
    _flow_exists,
    _pkce_is_s256,
    _prompt_can_be_honoured,
    _max_age_is_a_number,
    _claims_are_readable,
    _essential_acr_can_be_met,
    _identity_verification_names_a_person,
    _keep_what_counts,
)


def audiences() -> list[str]:
    """Return the names by which a client may address this provider in what it signs."""
    return [settings().issuer + path for path in _PATHS_THAT_NAME_US]


def _prove_redirect_uri(draft: Draft, uri: str) -> None:
    if uri not in draft.proven_client().redirect_uris:
        raise _unregistered("redirect_uri")
    draft.redirect_uri = uri


def _note_response_mode(draft: Draft) -> None:
    mode = draft.get("response_mode")
    draft.response_mode = mode if mode in RESPONSE_MODES else "query"


def _refuse_or_display(draft: Draft, check: str, error: ProtocolError) -> Exception:
    if draft.redirect_uri is not None:
        return draft.refuse(check, error)
    return Displayed(
        check,
        "We cannot read this request",
        "The sign-in page that sent you here asked in a way we cannot check.",
    )


def _unregistered(check: str) -> Displayed:
    return Displayed(
        check,
        "We cannot send you back safely",
        "The address to return to is not registered for the sign-in page that sent you here.",
    )
