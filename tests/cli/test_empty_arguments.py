"""What a script hands over whose variable is empty: a sentence, and never a traceback."""

import pytest
from flask.testing import FlaskCliRunner

from tests.cli.commands import refused


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audit", "export", "--output", ""), "cannot be written"),
        (("db", "upgrade", ""), "leave it out"),
        (("user", "show", ""), "Nobody"),
        (("outbox", "retry", ""), "no message"),
    ],
)
def test_an_empty_argument_is_refused_in_a_sentence(
    runner: FlaskCliRunner, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refused(runner, *arguments)
