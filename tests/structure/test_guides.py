"""The guides to Okta quote the portal's own words where they say what somebody sees."""

import re

import pytest

from tests.structure.source_tree import modules
from tests.support.machine import TOP

#: The first cell of a table's row that begins with a quotation: what a person reads on a page of ours.
_QUOTED = re.compile(r'^\| "([^"]+)"', re.MULTILINE)
GUIDES = [TOP / "docs" / name for name in ("okta-factor.md", "okta-idv.md", "okta-workforce.md")]
QUOTATIONS = [words for guide in GUIDES for words in _QUOTED.findall(guide.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("words", QUOTATIONS)
def test_what_a_guide_quotes_stands_on_a_page(words: str) -> None:
    sources = [*modules(), *(TOP / "templates").rglob("*.html")]
    assert any(words in source.read_text(encoding="utf-8") for source in sources)
