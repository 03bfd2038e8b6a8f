"""Errors of the authorization endpoint: *displayed* until client and address are proven, then *redirected*.

What a client or a person reads is a constant of this module; nothing from a request is ever put into
an ``error_description``. What exactly happened goes to the audit log, by the name of the check.
"""

from dataclasses import dataclass

#: What a client is told that did not authenticate, with every 401 (RFC 7617).
CHALLENGE = 'Basic realm="portal", charset="UTF-8"'


@dataclass(frozen=True)
class ProtocolError:
    """An OAuth error code and the sentence that goes with it."""

    code: str
    description: str


REPEATED = ProtocolError("invalid_request", "A parameter occurs more than once.")
UNREADABLE = ProtocolError(
    "invalid_request", "A parameter is too long or contains characters that are not allowed."
)
MISSING_RESPONSE_TYPE = ProtocolError("invalid_request", "The parameter response_type is missing.")
UNSUPPORTED_RESPONSE_TYPE = ProtocolError("unsupported_response_type", "Only response_type code is offered.")
UNSUPPORTED_RESPONSE_MODE = ProtocolError(
    "invalid_request", "Only response_mode query and form_post are offered."
)
MISSING_OPENID = ProtocolError("invalid_scope", "The scope must contain openid.")
UNKNOWN_FLOW = ProtocolError("invalid_scope", "The scope names a flow that this client does not have.")
PKCE_REQUIRED = ProtocolError("invalid_request", "This client must use PKCE with S256.")
PKCE_MALFORMED = ProtocolError("invalid_request", "PKCE is offered with a well-formed S256 challenge only.")
PAR_REQUIRED = ProtocolError("invalid_request", "This client must push its requests.")
INVALID_PROMPT = ProtocolError("invalid_request", "The prompt values cannot be combined or are not known.")
INTERACTION_REQUIRED = ProtocolError(
    "interaction_required", "A person has to take part; prompt none cannot succeed."
)
INVALID_MAX_AGE = ProtocolError("invalid_request", "The parameter max_age must be a whole number of seconds.")
INVALID_CLAIMS = ProtocolError(
    "invalid_request", "The parameter claims is not a JSON object of the expected form."
)
NOTHING_TO_VERIFY = ProtocolError(
    "invalid_request", "The claims name nothing to verify in an entry of the ID token's verified_claims."
)
NOBODY_TO_VERIFY = ProtocolError("invalid_request", "The login_hint must say who is to be verified.")
UNMET_REQUIREMENTS = ProtocolError(
    "unmet_authentication_requirements", "The essential authentication context cannot be met."
)
INVALID_REQUEST_OBJECT = ProtocolError("invalid_request_object", "The request object cannot be accepted.")
REQUEST_NOT_SUPPORTED = ProtocolError(
    "request_not_supported", "This client is not set up for request objects."
)
REQUEST_URI_NOT_SUPPORTED = ProtocolError(
    "request_uri_not_supported", "The parameter request_uri is not offered."
)
REGISTRATION_NOT_SUPPORTED = ProtocolError(
    "registration_not_supported", "The parameter registration is not offered."
)
ACCESS_DENIED = ProtocolError("access_denied", "The person was not verified.")
CANCELLED = ProtocolError("access_denied", "The person chose not to go on.")
TIMED_OUT = ProtocolError("access_denied", "The person did not finish in time.")
TEMPORARILY_UNAVAILABLE = ProtocolError(
    "temporarily_unavailable", "The face check is not available at the moment."
)


class Displayed(Exception):
    """The request cannot be answered to the client, because it is not proven who that is: a page is shown."""

    def __init__(self, check: str, title: str, cause: str) -> None:
        super().__init__(check)
        self.check = check
        self.title = title
        self.cause = cause


class Redirected(Exception):
    """The client and its redirect_uri are proven: the error is answered there."""

    def __init__(
        self,
        check: str,
        error: ProtocolError,
        *,
        client_id: str,
        redirect_uri: str,
        response_mode: str,
        state: str | None,
    ) -> None:
        super().__init__(check)
        self.check = check
        self.error = error
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.response_mode = response_mode
        self.state = state


class MachineError(Exception):
    """An error of a JSON endpoint (RFC 6749 section 5.2)."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status
