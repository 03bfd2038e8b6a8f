"""What the environment of the templates keeps, and what it still looks at."""

from pathlib import Path

import pytest
from flask import Flask, render_template, render_template_string
from jinja2 import DictLoader, FileSystemLoader, UndefinedError

from portal.web.templates import Templates
from tests.web.pages import PAGES

START, WORDS = PAGES["start"]


def app_with(parts: dict[str, str], *, debug: bool = False) -> Flask:
    app = Flask("portal")
    app.jinja_environment = Templates
    app.jinja_loader = DictLoader(parts)  # type: ignore[assignment]
    app.config["TEMPLATES_AUTO_RELOAD"] = debug
    return app


def shown(app: Flask, source: str) -> str:
    with app.test_request_context():
        return render_template_string(source)


def test_a_macro_is_the_same_in_every_template_that_imports_it(app: Flask) -> None:
    kept = app.jinja_env.get_template("components/icon.html")
    assert kept.module is app.jinja_env.get_template("components/icon.html").module
    for importing in ("components/tip.html", "layouts/person.html"):
        assert app.jinja_env.get_template(importing).globals is kept.globals


def test_a_value_of_the_page_wins_over_a_global_and_stays_on_its_page(app: Flask) -> None:
    app.jinja_env.globals["colour"] = "grey"
    with app.test_request_context():
        assert render_template_string("{{ colour }}", colour="red") == "red"
        assert render_template_string("{{ colour }}") == "grey"


def test_a_template_with_globals_of_its_own_gives_them_to_no_other(app: Flask) -> None:
    own = app.jinja_env.from_string("{{ colour }}", globals={"colour": "red"})
    assert own.render() == "red"
    assert "colour" not in app.jinja_env.globals


def test_a_part_is_written_once_for_each_of_its_values() -> None:
    parts = {"_part.html": "{{ who }} & co"}
    app = app_with(parts)
    both = "{{ kept('_part.html', who='<A>') }}, {{ kept('_part.html', who='B') }}"
    assert shown(app, both) == "&lt;A&gt; & co, B & co"
    parts["_part.html"] = "{{ who }} changed"
    assert shown(app, both) == "&lt;A&gt; & co, B & co"


def test_a_changed_part_is_seen_at_once_where_templates_are_reloaded() -> None:
    parts = {"_part.html": "before"}
    app = app_with(parts, debug=True)
    assert shown(app, "{{ kept('_part.html') }}") == "before"
    parts["_part.html"] = "after"
    assert shown(app, "{{ kept('_part.html') }}") == "after"


@pytest.mark.parametrize(
    "asked", ["csp_nonce()", "form_token()", "csrf_token()", "request.path", "g", "session"]
)
def test_a_part_that_is_kept_knows_nothing_of_the_request(app: Flask, tmp_path: Path, asked: str) -> None:
    assert isinstance(app.jinja_loader, FileSystemLoader)
    app.jinja_loader.searchpath.append(str(tmp_path))
    (tmp_path / "_part.html").write_text("{{ " + asked + " }}")
    with app.test_request_context():
        with pytest.raises(UndefinedError):
            render_template_string("{{ kept('_part.html') }}")
        render_template_string("{{ " + asked + " }}")


def test_two_people_see_each_their_own_start_page(app: Flask) -> None:
    pages = []
    for words in ({"failure": "not_live", "attempts_left": 2}, {"first_time": True, "where": "Utopia"}, {}):
        with app.test_request_context():
            pages.append(render_template(START, **WORDS | words))
    retry, first, usual = pages
    assert "You have 2 tries left." in retry
    assert "Face a window" in retry
    assert "Utopia" in first
    assert "makes a face template" in first
    for other in ("tries left", "Face a window", "Utopia", "makes a face template"):
        assert other not in usual
