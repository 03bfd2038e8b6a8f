"""Measure the name comparison on ``pairs.csv``: precision and recall by threshold, by script and by category.

    .venv/bin/python -m benchmarks.names.evaluate [--file pairs.csv] [--split tuning|held|all] [--errors]

Precision is counted as the issue has it, "on different people": of all pairs of different people, the share
that is not taken for one person (specificity); the classical precision (of the pairs taken for one
person, the share that is) stands beside it.
"""

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from portal.idv.names import DEFAULT_THRESHOLD, NameKind, compare_names
from portal.idv.words import Evidence

HERE = Path(__file__).parent
_THRESHOLDS = (0.50, 0.60, 0.70, 0.75, 0.80, 0.825, 0.85, 0.86, 0.87, 0.88, 0.89, 0.90, 0.92, 0.94, 0.96, 1.0)


class Scored(NamedTuple):
    """A pair and what the matcher says of it."""

    row: dict[str, str]
    same: bool
    score: float


def scored(path: Path, split: str) -> list[Scored]:
    """Return every pair of ``path`` in ``split`` with its score."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if split in ("all", row["split"])]
    results = []
    for row in rows:
        likeness = compare_names(row["left"], row["right"], NameKind(row["kind"]))
        score = likeness.score if likeness.evidence is not Evidence.NONE else min(likeness.score, 0.8)
        results.append(Scored(row, row["same"] == "1", score))
    return results


def figures(results: Iterable[Scored], threshold: float) -> tuple[int, int, int, int]:
    """Return true positives, false negatives, false positives, true negatives."""
    counts = defaultdict(int)
    for result in results:
        counts[result.same, result.score >= threshold] += 1
    return counts[True, True], counts[True, False], counts[False, True], counts[False, False]


def line(label: str, results: list[Scored], threshold: float) -> str:
    """Return one line of the report."""
    hit, missed, wrong, right = figures(results, threshold)
    return (
        f"{label:<26} {hit + missed:>5} {_share(hit, missed):>8}"
        f" {wrong + right:>7} {_share(right, wrong):>10}"
        f" {_share(hit, wrong):>10}"
    )


def _share(part: int, rest: int) -> str:
    return f"{part / (part + rest):.4f}" if part + rest else "-"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, default=HERE / "pairs.csv")
    parser.add_argument("--split", choices=("tuning", "held", "all"), default="all")
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--errors", action="store_true", help="list every pair on the wrong side")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    results = scored(arguments.file, arguments.split)
    spent = time.perf_counter() - begun
    print(f"{arguments.file.name}, split {arguments.split}: {len(results)} pairs in {spent:.1f} s")
    header = f"{'':<26} {'same':>5} {'recall':>8} {'differ':>7} {'kept apart':>10} {'precision':>10}"
    print(f"\nBy threshold\n{header}")
    for threshold in _THRESHOLDS:
        print(line(f"{threshold:.3f}", results, threshold))
    for title, column in (("script", "script"), ("category", "category"), ("kind of name", "kind")):
        print(f"\nBy {title}, at {arguments.threshold}\n{header}")
        for value in sorted({result.row[column] for result in results}):
            chosen = [result for result in results if result.row[column] == value]
            print(line(value, chosen, arguments.threshold))
    if arguments.errors:
        print("\nOn the wrong side")
        for result in results:
            if (result.score >= arguments.threshold) != result.same:
                row = result.row
                print(f"{'missed' if result.same else 'WRONG '} {result.score:.3f} {row['kind']:<6}"
                      f" {row['category']:<16} {row['left']} | {row['right']}")  # fmt: skip


if __name__ == "__main__":
    main()
