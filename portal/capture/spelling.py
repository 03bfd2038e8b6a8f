"""The one spelling of a return: what the vendor's signature leaves open is closed here.

The signature covers decoded values without regard to case, and no order. So a changed query can carry a
valid signature and say the same. It would prove nothing else, but a return that VerifEye did not write
is not VerifEye's return. Where VerifEye's own result, asked server to server, spells a value, the
return must spell it so; where it says nothing, what is documented in small letters must be in small ones.
"""

import re

from portal.models import Capture
from portal.verifeye.identifiers import canonical
from portal.verifeye.results import Refusal, Result
from portal.verifeye.returns import SIGNATURE, Returned
from portal.verifications.registry import Configuration

#: Escapes of letters that no encoder escapes (RFC 3986 section 2.3).
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")
#: Identifiers: never to be spelt otherwise than VerifEye spells them.
_OPAQUE = (
    "reVerificationSessionId",
    "reFaceId",
    "reCorrelationId",
    "reExternalId",
    "reConfigurationId",
    "reVerificationConfigurationId",
)
#: Documented in small letters, or of our own making.
_SMALL = (
    "state", "reVerificationSessionId", "reFaceId", "reAge", "reGender", "reTotalFaceCount", "reExternalId",
)  # fmt: skip
_CONFIGURATION = ("reConfigurationId", "reVerificationConfigurationId")


def fault(returned: Returned) -> str | None:
    """Return what is wrong with the form of ``returned``, a word for the audit log, or ``None``."""
    if _NEEDLESS_ESCAPE.search(returned.raw):
        return "needless_escape"
    if returned.names[-1] != SIGNATURE:
        return "out_of_order"  # it is appended to what it signs, whatever the order of the rest
    return None


def contradiction(
    returned: Returned, result: Result, capture: Capture, configuration: Configuration
) -> str | None:
    """Return how ``returned`` contradicts VerifEye's own ``result`` or its capture, or ``None``."""
    external_id = returned.values.get("reExternalId")
    if external_id is not None and external_id != capture.external_id:
        return Refusal.EXTERNAL_ID_DIFFERS
    named = [returned.values[name] for name in _CONFIGURATION if name in returned.values]
    if any(canonical(value) != canonical(configuration.id) for value in named):
        return Refusal.CONFIGURATION_DIFFERS
    if not all(_is_spelt_right(name, value, result.texts) for name, value in returned.values.items()):
        return "value_recased"
    return None


def _is_spelt_right(name: str, value: str, texts: frozenset[str]) -> bool:
    if name == SIGNATURE or value in texts:
        return True
    if name in _OPAQUE:
        told = {text.replace("-", "") for text in texts}
        plain = value.replace("-", "")
        if plain.lower() in {text.lower() for text in told}:
            return plain in told
    return name not in _SMALL or value == value.lower()
