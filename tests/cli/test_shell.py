"""``flask shell``."""

import pytest
from flask import Flask

from portal import models
from portal.cli import shell

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_the_banner_names_everything_that_is_loaded(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    with app.app_context():
        loaded = app.make_shell_context()
        names = shell.names()
    said = capsys.readouterr()
    # Standard output belongs to what is piped through the shell.
    assert said.out == ""
    assert names.items() <= loaded.items()
    for name in names:
        assert name in said.err
    assert set(models.__all__) <= set(names)
    assert "https://portal.test" in said.err


def test_the_example_in_the_banner_works(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    with app.app_context():
        example = next(line for line in shell.banner().splitlines() if line.startswith("  example"))
        assert eval(example.removeprefix("  example"), shell.names()) == []
