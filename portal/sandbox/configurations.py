"""The sandbox's verification configurations: what VerifEye's console would hold."""

import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from portal.sandbox.matching import FaceMode
from portal.verifeye.identifiers import is_uuid
from portal.verifeye.regions import normalise_url
from portal.verifeye.results import Verifier


class ConfigurationError(ValueError):
    """A configuration cannot be used; the message says in one sentence why."""


class WebhookMode(StrEnum):
    """When and how ``VerificationCompleted`` is delivered."""

    BEFORE = "before"
    AFTER = "after"
    TWICE = "twice"
    DROPPED = "dropped"
    NO_HEADER = "no_header"


class Shape(StrEnum):
    """Which of the JSON shapes, all plausible, ``get-session-result`` answers in."""

    FLAT = "flat"
    NESTED = "nested"


class Burn(StrEnum):
    """When a link's nonce is used up; the vendor's wording allows both."""

    COMPLETION = "completion"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One verification configuration.

    ``id`` is a UUID with dashes; ``verifiers`` are those enabled beside face recognition, which
    ``face_mode`` switches; ``collection`` names the faces it shares with other configurations (its own by
    default). Configurations with the same ``api_key`` belong to one account.
    """

    id: str
    api_key: str = field(repr=False)
    passed_url: str
    failed_url: str
    name: str = "Sandbox verification"
    face_mode: FaceMode = FaceMode.UNIQUE_MATCH
    verifiers: frozenset[Verifier] = frozenset({Verifier.LIVENESS})
    collection: str = ""
    age_threshold: int = 18
    force_signed_input: bool = True
    fail_on_multiple_faces: bool = False
    allow_verifier_overrides: bool = False
    burn: Burn = Burn.COMPLETION
    webhook_url: str = ""
    webhook: WebhookMode = WebhookMode.AFTER
    shape: Shape = Shape.FLAT
    tell_identifiers: bool = True

    def as_document(self) -> dict[str, Any]:
        """Return the configuration as JSON values, such as :func:`read_configuration` takes."""
        return {**asdict(self), "verifiers": sorted(self.verifiers)}


_NAMES = {item.name for item in fields(Configuration)}
_CHOICES: dict[str, type[StrEnum]] = {
    "burn": Burn,
    "webhook": WebhookMode,
    "shape": Shape,
    "face_mode": FaceMode,
}
_FLAGS = ("force_signed_input", "fail_on_multiple_faces", "allow_verifier_overrides", "tell_identifiers")


def read_configuration(document: object) -> Configuration:
    """Return the configuration that a JSON object describes; raises :class:`ConfigurationError`.

    ``id``, ``api_key``, ``passed_url`` and ``failed_url`` are needed; an unknown name is an error, so that
    a misspelt option does not silently do nothing.
    """
    if not isinstance(document, dict):
        raise ConfigurationError("A configuration is a JSON object.")
    values: dict[str, Any] = dict(document)
    if unknown := sorted(set(values) - _NAMES):
        raise ConfigurationError(f"A configuration has no setting called {unknown[0]!r}.")
    for name in ("id", "api_key", "passed_url", "failed_url"):
        if not isinstance(values.get(name), str) or not values[name]:
            raise ConfigurationError(f"A configuration needs {name}, a string.")
    if not is_uuid(values["id"]):
        raise ConfigurationError("The id of a configuration is a UUID.")
    values["id"] = str(UUID(values["id"]))
    if not values["api_key"].isascii() or not values["api_key"].isprintable() or " " in values["api_key"]:
        raise ConfigurationError("The api_key is of visible ASCII characters.")
    for name in ("passed_url", "failed_url", "webhook_url"):
        if name in values and values[name] != "":
            values[name] = _url(name, values[name])
    for name, choice in _CHOICES.items():
        if name in values:
            values[name] = _one_of(name, choice, values[name])
    for name in _FLAGS:
        if name in values and not isinstance(values[name], bool):
            raise ConfigurationError(f"{name} is true or false.")
    for name in ("name", "collection"):
        if name in values and not isinstance(values[name], str):
            raise ConfigurationError(f"{name} is a string.")
    threshold = values.get("age_threshold", 18)
    if isinstance(threshold, bool) or not isinstance(threshold, int) or not 0 <= threshold <= 120:
        raise ConfigurationError("age_threshold is a number of years between 0 and 120.")
    values["collection"] = values.get("collection") or values["id"]
    if "verifiers" in values:
        values["verifiers"] = _verifiers(values["verifiers"])
    return Configuration(**values)


def read_file(path: Path) -> list[Configuration]:
    """Return the configurations in a JSON file: a list, or an object with ``configurations``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read as JSON.") from error
    if isinstance(document, dict):
        document = document.get("configurations")
    if not isinstance(document, list):
        raise ConfigurationError(f"{path} holds no list of configurations.")
    return [read_configuration(item) for item in document]


def _url(name: str, value: object) -> str:
    """Accept an address with a query (the vendor allows one), but check the rest of it strictly."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a string.")
    try:
        normalise_url(value.partition("?")[0], name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if "#" in value or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{name} must not contain a fragment, spaces or letters outside ASCII.")
    return value


def _one_of(name: str, choice: type[StrEnum], value: object) -> StrEnum:
    for member in choice:
        if isinstance(value, str) and value.lower() == member.value.lower():
            return member
    raise ConfigurationError(f"{name} is one of {', '.join(choice)}.")


def _verifiers(value: object) -> frozenset[Verifier]:
    """Read the enabled verifiers; ``face`` may be named too, though ``face_mode`` decides about it."""
    words = set(Verifier)
    if not isinstance(value, list | tuple | set | frozenset) or not all(
        isinstance(item, str) and item in words for item in value
    ):
        raise ConfigurationError(f"verifiers is a list of {', '.join(Verifier)}.")
    return frozenset(Verifier(item) for item in value) - {Verifier.FACE}
