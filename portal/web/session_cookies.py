"""Flask's sessions in a signed cookie, read only for a view that asks for its session."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer

from portal.signed_text import SignedText


class SessionCookies(SecureCookieSessionInterface):
    """Checks no signature for a request whose view does not use the session: most hops of a sign-in."""

    def __init__(self) -> None:
        self._kept: tuple[object, URLSafeTimedSerializer | None] | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and reads cookies; it is made once, and anew for other keys."""
        keys = (app.secret_key, app.config["SECRET_KEY_FALLBACKS"])
        if self._kept is None or self._kept[0] != keys:
            self._kept = (keys, self._signing_with(*keys))
        return self._kept[1]

    def _signing_with(
        self, newest: str | bytes | None, older: list[str | bytes] | None
    ) -> URLSafeTimedSerializer | None:
        if not newest:
            return None
        return SignedText(
            [newest, *(older or ())],
            salt=self.salt,
            serializer=self.serializer,
            key_derivation=self.key_derivation,
        )

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session in the request's cookie, to be read when it is used, or an empty one."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return _Unread(partial(super().open_session, app, request))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the session back if it was used."""
        if session.accessed or session.modified or session:
            super().save_session(app, session, response)


class _Unread(SecureCookieSession):
    """A session that reads its cookie when somebody asks for it, which Flask tells it by ``accessed``."""

    def __init__(self, read: Callable[[], Mapping[str, Any] | None]) -> None:
        super().__init__()
        self._read: Callable[[], Mapping[str, Any] | None] | None = read

    @property
    def accessed(self) -> bool:
        return self._read is None

    @accessed.setter
    def accessed(self, value: bool) -> None:
        if value and self._read is not None:
            found, self._read = self._read(), None
            dict.update(self, found or {})  # what was read is no change
