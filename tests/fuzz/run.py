"""Fuzz one target after another with atheris: ``python -m tests.fuzz.run SECONDS [target …]``.

Each target runs in a process of its own (libFuzzer ends its process), grows its corpus in ``.fuzz/`` and
leaves what failed there; ``make fuzz`` fails then. Copy a finding to ``tests/fuzz/corpus/<target>/``, where
``test_corpus`` keeps it for good.
"""

import os
import sys
from subprocess import run
from tempfile import TemporaryDirectory

from tests.support.machine import TOP

CORPUS = TOP / "tests" / "fuzz" / "corpus"
GROWN = TOP / ".fuzz"
_LONGEST = 4096


def main(arguments: list[str]) -> int:
    """Fuzz for so many seconds each; returns 1 if anything failed."""
    from tests.fuzz.targets import TARGETS

    seconds, *chosen = arguments or ["60"]
    failed = [name for name in chosen or TARGETS if not _passes(name, seconds)]
    print(f"fuzz: failed: {', '.join(failed)}; see {GROWN}" if failed else "fuzz: nothing found")
    return bool(failed)


def _passes(name: str, seconds: str) -> bool:
    grown = GROWN / name
    (grown / "corpus").mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.run",
        "--one",
        name,
        str(grown / "corpus"),
        str(CORPUS / name),
    ]
    command += [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=10", "-rss_limit_mb=1500"]
    command += [f"-artifact_prefix={grown}/", "-print_final_stats=1", "-verbosity=0"]
    print(f"fuzz: {name} for {seconds} s", flush=True)
    # What a target keeps in files is removed here: libFuzzer ends the process at once.
    with (grown / "log").open("wb") as log, TemporaryDirectory(prefix="portal-fuzz-") as folder:
        environment = os.environ | {"PYTHONHASHSEED": "0", "TMPDIR": folder}
        ended = run(command, cwd=TOP, stdout=log, stderr=log, env=environment)
    lines = (grown / "log").read_text(errors="replace").splitlines()
    told = [line for line in lines if line.startswith("stat::number_of_executed_units")]
    print(f"  {told[0].split()[-1] if told else '?'} inputs", flush=True)
    if ended.returncode:
        print("\n".join(f"  {line}" for line in lines[-25:]))
    return ended.returncode == 0


def _one(name: str, options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["portal", "scim2_models"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
