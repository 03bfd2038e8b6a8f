"""Django with django-oauth-toolkit, as its guide sets it up for OpenID Connect."""

import os
from pathlib import Path
from urllib.parse import urlsplit

SECRET_KEY = "a-key-for-the-session-of-the-benchmark"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "site_urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "oauth2_provider",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/login"
LOGGING_CONFIG = None
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

_address = urlsplit(os.environ["DATABASE_URL"])
if _address.scheme == "sqlite":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _address.path,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
            },
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _address.path.lstrip("/"),
            "HOST": _address.hostname,
            "PORT": _address.port,
            "USER": _address.username,
            "CONN_MAX_AGE": None,
        }
    }

OAUTH2_PROVIDER = {
    "OIDC_ENABLED": True,
    "OIDC_RSA_PRIVATE_KEY": Path(os.environ["KEY_FILE"]).read_text(),
    "OIDC_ISS_ENDPOINT": os.environ["ISSUER"],
    "PKCE_REQUIRED": True,
    "SCOPES": {"openid": "Sign in"},
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 3600,
    "REQUEST_APPROVAL_PROMPT": "auto",
}
