"""The organisation's own texts: files that a setting names."""

import unicodedata
from pathlib import Path

from portal.settings.values import Settings, SettingsError

CONFIG_FOLDER = Path(__file__).resolve().parent.parent.parent / "config"

_LONGEST_NOTICE = 65_536


def notice(settings: Settings, name: str) -> str | None:
    """Return the organisation's own text of the setting ``name``, ``None`` if there is none.

    Raises :class:`SettingsError` for a file that cannot be shown.
    """
    path: str = getattr(settings, name)
    if not path:
        return None
    try:
        with (CONFIG_FOLDER.parent / path).open("rb") as file:
            content = file.read(_LONGEST_NOTICE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise SettingsError(f"The file of the setting {name!r} cannot be read: {path} ({reason}).") from error
    if len(content) > _LONGEST_NOTICE:
        raise SettingsError(
            f"The file of the setting {name!r} is longer than {_LONGEST_NOTICE} bytes: {path}."
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SettingsError(f"The file of the setting {name!r} is not UTF-8 text: {path}.") from error
    if any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in text):
        raise SettingsError(f"The file of the setting {name!r} has control characters in it: {path}.")
    if not text.strip():
        raise SettingsError(f"The file of the setting {name!r} is empty: {path}.")
    return text
