"""What fuzzing has found, and what it began with, is read again by every run of the tests."""

from collections.abc import Iterator

import pytest

from tests.fuzz import portal_under_fuzz
from tests.fuzz.targets import TARGETS
from tests.support.machine import TOP

CORPUS = TOP / "tests" / "fuzz" / "corpus"


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    portal_under_fuzz.end()


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_read_or_refused(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert files, "a target has at least one input to begin with"
    for file in files:
        try:
            TARGETS[name](file.read_bytes())
        except Exception as error:
            error.add_note(f"the input is {file.relative_to(TOP)}")
            raise


def test_the_corpus_has_no_folder_without_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


def test_a_target_that_fails_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The properties bite: a reader that keeps a control character fails its target."""
    monkeypatch.setattr("portal.oidc.parameters.is_clean", lambda text: "\x00" not in text)
    TARGETS["parameters_of_a_form"](b"state=abc")
    monkeypatch.setattr("portal.oidc.parameters._judge", _keep_everything)
    with pytest.raises(AssertionError):
        TARGETS["parameters_of_a_form"](b"state=%00")


def _keep_everything(pairs: list[tuple[str, str]]) -> object:
    from portal.oidc.parameters import Parameters

    return Parameters(dict(pairs))
