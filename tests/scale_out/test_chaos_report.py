"""The verdict of ``make chaos``: what is broken is said, and the document around it stays as it is."""

from pathlib import Path

import pytest

from benchmarks.chaos import __main__ as chaos
from benchmarks.chaos import report
from benchmarks.chaos.invariants import Finding
from benchmarks.chaos.ledger import Trouble
from benchmarks.chaos.memory import Held
from benchmarks.chaos.report import Verdict, Window


def verdict(lost: int, remark: str = "") -> Verdict:
    window = Window("PostgreSQL killed", 8.0, 20.0, True, [Trouble(8.5, 9.0, "/token", "503", True)] * 2)
    held = Held("node-0", 0.0, 600.0, 60.0, 61.0, 64.0)
    findings = [Finding("codes issued", 1200), Finding("verified journeys lost", lost, 0)]
    return Verdict(30, 50.0, 35.0, [window], [], findings, [held], remark)


def test_what_is_lost_is_said_and_fails_the_run() -> None:
    whole, broken = verdict(0), verdict(2)
    assert (whole.is_broken, broken.is_broken) == (False, True)
    assert "| verified journeys lost | 0 | 0 |" in report.written(whole, "make chaos")
    assert "| verified journeys lost | 2 | 0 **!** |" in report.written(broken, "make chaos")
    assert "| PostgreSQL killed | 12 s | 2 × 503 at /token |" in report.written(whole, "make chaos")


def test_a_reader_is_told_what_was_special() -> None:
    text = report.written(verdict(0, "The disk was memory."), "make chaos")
    assert "Every invariant held. The disk was memory.\n" in text


def test_no_figure_of_a_disk_in_memory_comes_into_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["chaos", "--full-disk", "--write"])
    with pytest.raises(SystemExit, match="2"):
        chaos.main()


def test_a_newer_verdict_takes_the_place_of_the_older_one_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("# Before\n")
    report.write_into(document, "the first\n")
    document.write_text(f"{document.read_text()}\n# After\n")
    report.write_into(document, "the second\n")
    text = document.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("\n# After\n")
    assert ("the second" in text, "the first" in text) == (True, False)
    assert text.count(report.BEGIN) == text.count(report.END) == 1
