"""A plain text taken apart: paragraphs, headings, and nothing else."""

from portal.capture.notices import Block, blocks


def test_headings_end_paragraphs_and_a_lone_mark_is_no_heading() -> None:
    assert list(blocks("one\n# Two\nthree\n#\n# \n\n\n# ")) == [
        Block(False, "one"), Block(True, "Two"), Block(False, "three # #"), Block(False, "#"),
    ]  # fmt: skip
