"""How identifiers are written: VerifEye shows UUIDs with and without dashes, in either case."""

import re

_UUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def is_uuid(text: str) -> bool:
    """Say whether ``text`` is a UUID with or without dashes, in upper or lower case."""
    return _UUID.fullmatch(text.lower()) is not None and text.isascii()


def canonical(identifier: str) -> str:
    """Return a UUID in lower case without dashes, the form to compare; anything else as it is."""
    return identifier.lower().replace("-", "") if is_uuid(identifier) else identifier
