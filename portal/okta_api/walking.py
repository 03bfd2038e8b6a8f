"""Reading a list of Okta's page by page to its end, and noticing one that has none.

A cursor that comes again leads to the pages that were read already, so the list would never end, and what is
on the pages that never come would be missing. It must not pass for a whole list: whoever is not on it would
be taken for having left.
"""

from dataclasses import dataclass
from typing import Any

from portal.okta_api.errors import OktaUnavailable

#: Ten million people or events at 200 a page: more than any organisation has, so no list is longer.
MOST_PAGES = 50_000


@dataclass(frozen=True, slots=True)
class Walk:
    """How far somebody has read: how many cursors Okta gave, and one of them to know again.

    One is enough (Brent's way of finding a cycle): it is replaced at the 1st, 2nd, 4th, 8th … cursor, and in
    a list that goes round, one of these comes again before four times as many pages as there are were read.
    So where a walk is stays small, however long the list; the database keeps it between two pages.
    """

    pages: int = 0
    mark: str | None = None

    @classmethod
    def kept(cls, found: Any) -> "Walk":
        """Return the walk that :meth:`to_keep` gave, or a new one for ``None``."""
        return cls() if found is None else cls(int(found[0]), found[1])

    def to_keep(self) -> list[Any]:
        """Return the walk as JSON can hold it."""
        return [self.pages, self.mark]

    def on_to(self, cursor: str) -> "Walk":
        """Return the walk with one page more, to be continued at ``cursor``.

        Raises :class:`OktaUnavailable` where the list does not come to an end.
        """
        if cursor == self.mark or self.pages >= MOST_PAGES:
            raise OktaUnavailable(
                "Okta's list does not come to an end: its pages lead round in a circle, or there are more "
                f"than {MOST_PAGES}. It was not taken for whole."
            )
        pages = self.pages + 1
        return Walk(pages, self.mark if pages & (pages - 1) else cursor)
