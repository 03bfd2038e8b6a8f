"""The WSGI entry point: ``gunicorn -c config/gunicorn.conf.py wsgi:app``."""

from portal.app import create_app
from portal.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    # One sentence that names the setting, instead of a traceback.
    raise SystemExit(str(error)) from None
