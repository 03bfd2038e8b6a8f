"""The figures that the default threshold was chosen by still hold."""

import pytest

from benchmarks.names import evaluate, generate
from portal.idv.names import DEFAULT_THRESHOLD


@pytest.fixture(scope="module")
def results():
    return evaluate.scored(generate.PAIRS, "all")


def test_there_are_enough_pairs_of_both_labels_scripts_and_kinds(results):
    assert len(results) >= 2000
    assert sum(result.same for result in results) >= 1000
    assert len({result.row["script"] for result in results}) >= 15


def test_different_people_are_kept_apart_and_variants_are_found(results):
    hit, missed, wrong, right = evaluate.figures(results, DEFAULT_THRESHOLD)
    assert right / (right + wrong) >= 0.999
    assert hit / (hit + wrong) >= 0.999
    assert hit / (hit + missed) >= 0.95


@pytest.mark.parametrize("later", ["second.csv", "third.csv"])
def test_the_lists_written_later_do_as_well(later):
    pairs = evaluate.scored(generate.HERE / later, "all")
    hit, missed, wrong, right = evaluate.figures(pairs, DEFAULT_THRESHOLD)
    assert right / (right + wrong) >= 0.999
    assert hit / (hit + missed) >= 0.95


def test_the_committed_pairs_are_what_the_script_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "PAIRS", tmp_path / "pairs.csv")
    committed = (generate.HERE / "pairs.csv").read_text(encoding="utf-8")
    generate.main()
    assert (tmp_path / "pairs.csv").read_text(encoding="utf-8") == committed
