"""Settings: read once, checked once, never changed.

``config/default.toml`` is read first and documents every setting; the file named by ``PORTAL_CONFIG``
comes next, and environment variables ``PORTAL_<NAME>`` win. Production settings that would be unsafe
are refused at start with a sentence that names the setting: a portal that guards sign-ins does not
start with a warning.
"""

from portal.settings.checks import is_loopback
from portal.settings.notices import CONFIG_FOLDER, notice
from portal.settings.reading import load
from portal.settings.values import Settings, SettingsError

__all__ = ["CONFIG_FOLDER", "Settings", "SettingsError", "is_loopback", "load", "notice"]
