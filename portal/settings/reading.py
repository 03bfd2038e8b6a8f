"""Where settings come from: the defaults, the file of the installation, the environment; in this order."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from portal.settings.checks import check
from portal.settings.notices import CONFIG_FOLDER
from portal.settings.values import Settings, SettingsError

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def load(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the settings of this process.

    ``overrides`` (tests) come last. Raises :class:`SettingsError` for a name that is not a setting, a
    value of the wrong type, or a value that the environment does not permit.
    """
    values = _read(CONFIG_FOLDER / "default.toml")
    if path := environ.get("PORTAL_CONFIG"):
        values |= _read(Path(path))
    types = get_type_hints(Settings)
    names = {field.name for field in fields(Settings)}
    for variable, text in environ.items():
        name = variable.removeprefix("PORTAL_").lower()
        if variable.startswith("PORTAL_") and name in names:
            values[name] = _from_text(name, text, types[name])
    values |= overrides
    if unknown := set(values) - names:
        raise SettingsError(
            f"There is no setting named {min(unknown)!r}; config/default.toml lists them all."
        )
    settings = Settings(**{name: _typed(name, value, types[name]) for name, value in values.items()})
    check(settings)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error


def _from_text(name: str, text: str, wanted: Any) -> Any:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        # What bytes that are not UTF-8 become; no page could show them.
        raise SettingsError(f"PORTAL_{name.upper()} is not UTF-8 text.")
    if wanted is bool:
        if text.lower() not in _TRUE + _FALSE:
            raise SettingsError(f"PORTAL_{name.upper()} must be true or false.")
        return text.lower() in _TRUE
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            raise SettingsError(f"PORTAL_{name.upper()} must be a number.") from None
    if wanted is str:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _typed(name: str, value: Any, wanted: Any) -> Any:
    if wanted == tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple) and all(isinstance(item, str) for item in items):
            return tuple(items)
        raise SettingsError(f"The setting {name!r} must be a list of strings.")
    if wanted is float and isinstance(value, int):
        return float(value)
    if type(value) is not wanted:
        raise SettingsError(f"The setting {name!r} must be of type {wanted.__name__}.")
    return value
