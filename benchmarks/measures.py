"""What is measured: each measure loads one contender once and says what came of it."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import relying_party
from benchmarks.contenders import Contender
from benchmarks.load import wrk
from benchmarks.load.walkers import Walked, walk_for
from benchmarks.processes import Program

#: The order of the tables.
DISCOVERY, JWKS, TOKEN, TOKEN_AT_70, PAR, FLOW, PUSHED_FLOW = (
    "discovery document", "JWKS", "token: fresh codes redeemed", "token at 70 % of its maximum",
    "PAR: requests pushed", "whole sign-in", "whole sign-in, request pushed first",
)  # fmt: skip
ALL = (DISCOVERY, JWKS, TOKEN, TOKEN_AT_70, PAR, FLOW, PUSHED_FLOW)
#: What :mod:`benchmarks.run` calls them on its command line.
SHORT = dict(zip(("discovery", "jwks", "token", "token70", "par", "flow", "parflow"), ALL, strict=True))


@dataclass
class Run:
    """One run: operations a second, seconds each took, and processor seconds for each.

    ``server`` is the measured server with all its processes, ``store`` the database's. ``generator`` and
    ``stand_in`` are shares of one processor. ``failures`` counts by reason.
    """

    rate: float
    p50: float
    p99: float
    server: float
    store: float | None
    generator: float
    stand_in: float
    failures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """How hard and how long: seconds of a run, kept connections, and the stand-in whose share is counted."""

    seconds: float
    connections: int
    stand_in: Program | None


def offers(contender: Contender, measure: str) -> bool:
    """Say whether the contender has what the measure needs."""
    return contender.par is not None or measure not in (PAR, PUSHED_FLOW)


def run(contender: Contender, measure: str, load: Load, *, fastest: float) -> Run:
    """Measure once. ``fastest`` is how many tokens a second the contender is known to give, or a guess."""
    if measure in (DISCOVERY, JWKS):
        path = contender.discovery if measure == DISCOVERY else contender.jwks
        return _counted(contender, load, lambda: _by_wrk(contender, path, load))
    if measure == PAR:
        form = {"BENCH_FORM": contender.pushed_form()}
        assert contender.par is not None
        path = contender.par
        return _counted(contender, load, lambda: _by_wrk(contender, path, load, "post.lua", form))
    if measure == TOKEN:
        return _tokens(contender, load, fastest)
    if measure == TOKEN_AT_70:
        return _tokens_at(0.7 * fastest, contender, load)
    walk = contender.flow if measure == FLOW else contender.pushed_flow
    return _counted(
        contender,
        load,
        lambda: _by_walkers(
            walk_for(contender.origin, walk, seconds=load.seconds, connections=load.connections)
        ),
    )


def _tokens(contender: Contender, load: Load, fastest: float) -> Run:
    # A third more than the fastest run yet, so that they last; used up, the load stops by itself.
    codes = contender.codes(int(fastest * (round(load.seconds) + 0.5) * 1.35) + 100)
    with tempfile.NamedTemporaryFile("w", suffix=".codes") as file:
        file.write("\n".join(codes))
        file.flush()
        environment = {"BENCH_FORM": relying_party.token_form(contender.client_id), "BENCH_CODES": file.name}
        return _counted(
            contender, load, lambda: _by_wrk(contender, contender.token, load, "token.lua", environment)
        )


def _tokens_at(rate: float, contender: Contender, load: Load) -> Run:
    codes = iter(contender.codes(int(rate * load.seconds * 1.1) + 50))
    return _counted(
        contender,
        load,
        lambda: _by_walkers(
            walk_for(
                contender.origin,
                lambda: contender.redeem(next(codes)),
                seconds=load.seconds,
                connections=4 * load.connections,
                rate=rate,
            )
        ),
    )


@dataclass
class _Measured:
    done: int
    rate: float
    p50: float
    p99: float
    failures: dict[str, int]
    generator: float
    seconds: float


def _by_wrk(
    contender: Contender,
    path: str,
    load: Load,
    script: str | None = None,
    environment: dict[str, str] | None = None,
) -> _Measured:
    made = wrk.run(
        contender.origin + path, seconds=load.seconds, connections=load.connections,
        script=script, environment=environment,
    )  # fmt: skip
    seconds = made.requests / made.rate if made.rate else load.seconds
    return _Measured(made.requests, made.rate, made.p50, made.p99, made.failures, made.processor, seconds)


def _by_walkers(walked: Walked) -> _Measured:
    done, times = len(walked.times), sorted(walked.times)
    return _Measured(
        done, done / walked.seconds, percentile(times, 50), percentile(times, 99), dict(walked.failures),
        walked.processor, walked.seconds,
    )  # fmt: skip


def percentile(ordered: list[float], percent: float) -> float:
    """Return the smallest of the ``ordered`` values that ``percent`` of them do not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]


def _counted(contender: Contender, load: Load, work: Callable[[], _Measured]) -> Run:
    """Do ``work`` and divide the processor time that it cost the others by what was done."""
    programs = [contender.server, contender.store, load.stand_in]
    before = [program.processor_seconds() if program else 0.0 for program in programs]
    made = work()
    used = [
        (program.processor_seconds() if program else 0.0) - earlier
        for program, earlier in zip(programs, before, strict=True)
    ]
    each = max(1, made.done)
    return Run(
        made.rate, made.p50, made.p99, used[0] / each, used[1] / each if contender.store else None,
        made.generator, used[2] / made.seconds, made.failures,
    )  # fmt: skip


def warm_up(contender: Contender, load: Load) -> dict[str, int]:
    """Let a contender do once what is done only once, ahead of the runs; return failures by reason."""
    walked = walk_for(contender.origin, contender.flow, seconds=1.0, connections=load.connections)
    return dict(walked.failures)
