"""The demo relying party, with the portal it belongs to or with one that lies."""

from tests.support.world import world

__all__ = ["world"]
