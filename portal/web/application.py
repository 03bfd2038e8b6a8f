"""Flask as the portal uses it."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property


class PortalRequest(Request):
    """A request that finds its cookies without going through all its headers."""

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """The cookies by name (RFC 6265 section 4.2)."""
        written = self.environ.get("HTTP_COOKIE")
        return parse_cookie(written, cls=self.dict_storage_class)  # type: ignore[return-value]


class Portal(Flask):
    """A Flask application whose views and hooks are plain functions."""

    request_class = PortalRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``, of which Flask asks before each call whether it is a coroutine function.

        Finding out costs more than many a hook. Of a coroutine that a view returns Flask makes an error.
        """
        return func
