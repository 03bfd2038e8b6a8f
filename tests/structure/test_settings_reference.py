"""``config/default.toml`` is the reference of every setting, and says what each one means."""

import re
import tomllib
from dataclasses import fields

import pytest

from portal.settings import CONFIG_FOLDER, Settings

DEFAULT = (CONFIG_FOLDER / "default.toml").read_text()
NAMES = {field.name for field in fields(Settings)}


def test_every_setting_has_its_default_and_every_default_is_a_setting():
    assert set(tomllib.loads(DEFAULT)) == NAMES


@pytest.mark.parametrize("file", ["demo.toml", "test.toml", "production.example.toml"])
def test_the_other_files_name_only_settings(file):
    assert set(tomllib.loads((CONFIG_FOLDER / file).read_text())) <= NAMES


def test_every_setting_stands_under_a_comment_or_in_a_group_that_has_one():
    previous = ""
    for line in DEFAULT.splitlines():
        if name := re.match(r"([a-z_]+) =", line):
            explained = previous.startswith("# ") or re.match(r"[a-z_]+ =", previous)
            # Time-outs and lifetimes whose name and heading say it all stand alone under the heading.
            self_explaining = name[1].endswith(("_lifetime", "_timeout"))
            assert explained or self_explaining, f"{name[1]} has no comment above it"
        if line.strip() or not previous.startswith("#"):
            previous = line


def test_every_setting_is_read_somewhere():
    top = CONFIG_FOLDER.parent
    own = top / "portal" / "settings"
    rooms = [path for path in sorted(top.glob("portal/**/*.py")) if path.parent != own]
    read = [*rooms, CONFIG_FOLDER / "gunicorn.conf.py"]
    source = "\n".join(path.read_text() for path in read if path.exists())
    checks = "\n".join(path.read_text() for path in own.glob("*.py"))
    # What only a check or a property of the settings themselves reads counts as well.
    unread = {
        name
        for name in NAMES
        if not re.search(rf"\b{name}\b", source) and not re.search(rf"(settings|self)\.{name}\b", checks)
    }
    assert unread == set(), "these settings change nothing"
