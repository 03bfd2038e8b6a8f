"""What comes back from a call to another server: an answer, or one of a few errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn


class OutboundError(Exception):
    """A call to another server did not give a usable answer."""


class OutboundUnavailable(OutboundError):
    """No answer: name not found, connection refused or cut, TLS failed, time ran out, breaker open."""


class OutboundRefusedAddress(OutboundError):
    """The portal will not call this URL, or the address behind its name; nothing was sent."""


class OutboundUnreadable(OutboundError):
    """An answer came, but it is too long, or not the JSON it should be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other server said: a status, headers to be asked for in lower case, and the whole body.

    A header that was sent twice comes joined by commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """Return the body read as JSON; raises :class:`OutboundUnreadable`.

        Stricter than the standard library: a name given twice in one object is an error, because two
        readers of such a document may each believe another half of it, and so are ``NaN`` and ``Infinity``.
        """
        try:
            return _STRICT.decode(self.body.decode(json.detect_encoding(self.body), "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise OutboundUnreadable("the answer is not valid JSON") from error


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name occurs twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique_names, parse_constant=_no_constant)
