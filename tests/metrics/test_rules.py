"""The alert rules and the dashboard speak of measures that exist, and promtool finds the rules right."""

import json
import os
import re
import subprocess
import sys

import pytest

from portal.metrics import measures
from portal.watch.state import StateCollector
from tests.support import machine
from tests.support.machine import TOP

WATCH = TOP / "config" / "watch"
RULES = (WATCH / "alerts.yml").read_text()
DASHBOARD = (WATCH / "dashboard.json").read_text()
GUIDE = (TOP / "docs" / "watching.md").read_text()
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}
#: What a process that has just started tells Prometheus of what it counts.
_WHAT_IS_TOLD = """
import portal.metrics
from portal.watch import exposition
exposition.StateCollector.collect = lambda self: ()
print(exposition.metrics_of_all_processes().decode())
"""


@pytest.fixture
def names(context):
    """The name of every sample that Prometheus may find."""
    families = [*measures.REGISTRY.collect(), *StateCollector().collect()]
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("text", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_every_measure_that_is_named_exists(names, text):
    named = set(re.findall(r"\bportal_[a-z_]+", text))
    assert len(named) >= 10
    assert named - names == set()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_measure_is_shown_or_watched_and_explained(names):
    stems = {re.sub("_(bucket|count|sum|total)$", "", name) for name in names}
    assert {stem for stem in stems if stem not in RULES + DASHBOARD} == set()
    assert {stem for stem in stems if stem not in GUIDE} == set()


def test_every_alert_is_explained():
    alerts = re.findall(r"- alert: (\w+)", RULES)
    assert len(alerts) >= 10
    assert [alert for alert in alerts if f"**{alert}**" not in GUIDE] == []


def test_what_an_alert_waits_for_is_told_before_it_happens(tmp_path):
    """Prometheus sees no increase from nothing to one: without a nought before it, the first is missed."""
    waited_for = set(re.findall(r'increase\(portal_events_total\{event="([^"]+)"', RULES))
    assert waited_for
    for folder in (None, tmp_path):
        environment = {**os.environ, **({"PROMETHEUS_MULTIPROC_DIR": str(folder)} if folder else {})}
        done = subprocess.run(
            [sys.executable, "-c", _WHAT_IS_TOLD], cwd=TOP, env=environment, capture_output=True, text=True
        )
        told = set(re.findall(r'^portal_events_total\{event="([^"]+)"\} 0\.0$', done.stdout, re.MULTILINE))
        assert waited_for <= told, (folder, done.stderr)


def test_every_alert_has_a_test():
    tested = (WATCH / "alerts.test.yml").read_text()
    assert [name for name in re.findall(r"- alert: (\w+)", RULES) if f"alertname: {name}" not in tested] == []


@pytest.mark.parametrize("order", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_finds_the_rules_right(order):
    if machine.program("promtool") is None:
        machine.missing("promtool (Debian's package prometheus) is not installed")
    done = subprocess.run(["promtool", *order], cwd=WATCH, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_asks_of_every_panel_and_overlaps_nowhere():
    panels = json.loads(DASHBOARD)["panels"]
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)
