"""The privacy notice and the terms: the portal's own words, or a text of the organisation's.

Okta shows both addresses before a person is sent here to be verified, and the start page links them
unless the organisation has addresses of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask, current_app, render_template

from portal import settings as settings_module
from portal.settings import Settings

_EXTENSION = "portal.notices"
_HEADING = "# "


class Block(NamedTuple):
    """A paragraph, or a heading, of a plain text."""

    is_heading: bool
    text: str


def init_app(app: Flask) -> None:
    """Read the organisation's own texts, once: a page must not change while somebody reads and agrees."""
    configured: Settings = app.extensions["portal.settings"]
    app.extensions[_EXTENSION] = {
        name: None if text is None else tuple(blocks(text))
        for name in ("privacy_text", "terms_text")
        for text in [settings_module.notice(configured, name)]
    }


def privacy() -> str:
    """Say what is kept about a person, where and for how long."""
    return _shown("privacy_text", "notices/privacy.html", "Privacy notice for the camera check")


def terms() -> str:
    """Say on what terms the check is offered."""
    return _shown("terms_text", "notices/terms.html", "Terms for the camera check")


def blocks(text: str) -> Iterator[Block]:
    """Take a plain text apart: blank lines part paragraphs, ``# `` begins a heading, and that is all."""
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        is_heading = line.startswith(_HEADING) and line.removeprefix(_HEADING).strip() != ""
        if lines and (is_heading or not line.strip()):
            yield Block(False, " ".join(lines))
            lines.clear()
        if is_heading:
            yield Block(True, " ".join(line.removeprefix(_HEADING).split()))
        elif line.strip():
            lines.append(" ".join(line.split()))


def _shown(name: str, template: str, heading: str) -> str:
    own: tuple[Block, ...] | None = current_app.extensions[_EXTENSION][name]
    if own is None:
        return render_template(template, heading=heading)
    return render_template("notices/own_text.html", heading=heading, blocks=own)
