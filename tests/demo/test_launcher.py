"""`make run`: what it starts, what it says, and that nothing of it stays behind."""

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.support.running_demo import Demo, demo, free_ports
from tests.support.web_person import WebPerson

# It starts many processes: one demo at a time, and on a busy machine it takes a while.
pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return free_ports()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all: what the first demo has set up, the others use."""
    return tmp_path_factory.mktemp("demo") / "demo"


def test_it_serves_a_whole_sign_in_stops_cleanly_and_starts_again_with_what_it_had(
    folder: Path, ports: list[int]
) -> None:
    with demo(folder, ports) as first:
        first.wait_until_it_runs()
        assert "VERIFIES NOBODY" in first.said
        assert all(origin in first.said for origin in first.origins)
        assert sign_in(first) == "Signed in as Amara Okafor"
        assert recover(first, "sam", "familiar") == "Samuel Lindqvist may set a new password"
        assert recover(first, "sam", "wrong") == "Samuel Lindqvist gets no new password"
        children = first.children()
        assert len(children) == 5
        assert first.stop(signal.SIGINT) == 0
        assert not any(alive(pid) for pid in children)
    for path in (folder / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} can be read by others"
        assert path.read_text() not in first.said
    with demo(folder, ports) as second:
        second.wait_until_it_runs()
        assert "Setting the demo up" not in second.said
        assert sign_in(second) == "Signed in as Amara Okafor"
        assert second.stop(signal.SIGTERM) == 0


def test_a_process_that_is_killed_is_started_again_and_one_that_ends_stops_all(
    folder: Path, ports: list[int]
) -> None:
    def worker() -> int | None:
        found = [pid for pid, command in running.children().items() if "outbox" in command]
        return found[0] if found else None

    with demo(folder, ports) as running:
        running.wait_until_it_runs()
        victim = worker()
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        until = time.monotonic() + 30  # noqa: TID251 - another process, which has no clock of ours
        while worker() in (None, victim):
            assert time.monotonic() < until, "the worker was not started again"  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251
        portal = next(pid for pid, command in running.children().items() if "gunicorn" in command)
        os.kill(portal, signal.SIGTERM)  # upon which it ends by itself
        assert running.process.wait(30) == 1
        assert re.search(r"The outbox worker was killed \(signal 9\) and is started again", running.said)
        assert re.search(r"The portal has ended", running.said)


def test_a_killed_launcher_leaves_nothing_behind(folder: Path, ports: list[int]) -> None:
    with demo(folder, ports) as running:
        running.wait_until_it_runs()
        children = running.children()
        running.process.kill()
        running.process.wait(30)
        until = time.monotonic() + 20  # noqa: TID251
        while any(alive(pid) for pid in children):
            assert time.monotonic() < until, "a process outlives its killed launcher"  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251


def test_a_port_that_is_taken_gets_a_sentence_and_nothing_is_made(tmp_path: Path, ports: list[int]) -> None:
    folder = tmp_path / "demo"
    with socket.create_server(("127.0.0.1", ports[1])), demo(folder, ports) as refused:
        assert refused.process.wait(60) == 1
        assert f"Port {ports[1]}" in refused.said
        assert "PORTAL_DEMO_SANDBOX_PORT=" in refused.said
        assert "Traceback" not in refused.said
        assert not folder.exists()


def test_the_same_port_twice_gets_a_sentence(tmp_path: Path, ports: list[int]) -> None:
    with demo(tmp_path / "demo", [ports[0], ports[1], ports[1], ports[2]]) as refused:
        assert refused.process.wait(60) == 1
        assert "four different ports" in refused.said


def test_a_second_demo_leaves_the_folder_of_the_first_alone(folder: Path, ports: list[int]) -> None:
    """The first one's refused port says how to choose another, and that alone must not begin it anew."""
    with demo(folder, ports) as first:
        first.wait_until_it_runs()
        database = (folder / "portal.sqlite3").stat().st_ino
        (folder.parent / "second").mkdir()
        with demo(folder, free_ports(), folder.parent / "second" / "output.txt") as second:
            assert second.process.wait(60) == 1
            assert "Another demo runs from" in second.said
            assert "PORTAL_DEMO_FOLDER=" in second.said
        assert (folder / "portal.sqlite3").stat().st_ino == database
        assert sign_in(first) == "Signed in as Amara Okafor"


def test_a_folder_with_files_of_somebody_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "work" / "secrets").mkdir(parents=True)
    (tmp_path / "work" / "secrets" / "theirs").write_text("kept")
    with demo(tmp_path / "work", free_ports()) as refused:
        assert refused.process.wait(60) == 1
        assert "not a demo’s" in refused.said
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["secrets"]
    assert (tmp_path / "work" / "secrets" / "theirs").read_text() == "kept"


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with demo(tmp_path / "file" / "demo", free_ports(), tmp_path / "output.txt") as refused:
        assert refused.process.wait(60) == 1
        assert "cannot be used (not a directory)" in refused.said
        assert "Traceback" not in refused.said


def sign_in(running: Demo) -> str:
    """Walk from the relying party's page to its page; return the heading at the end."""
    portal, sandbox, client, _ = running.origins
    browser = WebPerson(client, portal, sandbox)
    browser.open(f"{client}/sign-in")
    browser.press("Sign in")
    assert browser.page.url.startswith(portal)
    browser.press("Start camera check")
    assert browser.page.url.startswith(sandbox)
    browser.press("Finish the check")
    return browser.page.heading


def recover(running: Demo, who: str, names: str) -> str:
    """Recover somebody's password with everything that Okta knows of them; return the heading at the end."""
    portal, sandbox, client, _ = running.origins
    browser = WebPerson(client, portal, sandbox)
    browser.open(f"{client}/recover")
    browser.press("Recover my password", person=f"{who}@acme.example", names=names, more="everything")
    browser.press("Start camera check")
    browser.press("Finish the check", face=who)
    return browser.page.heading


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"
