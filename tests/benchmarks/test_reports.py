"""The benchmark's figures: read as wrk writes them, and told so that no failure is overlooked."""

from pathlib import Path

import pytest

from benchmarks import measures, table
from benchmarks.load import http1, wrk

_REPORT = """Running 2s test @ http://127.0.0.1:18080/token
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.12ms    1.01ms  19.40ms   91.99%
    Req/Sec     1.56k    60.11     1.66k    80.00%
  Latency Distribution
     50%    4.90ms
     75%    5.20ms
     90%    5.90ms
     99%    0.01s
  3120 requests in 2.00s, 3.90MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:   1560.21
Transfer/sec:      1.95MB
"""


def run(rate: float, **more: dict[str, int]) -> measures.Run:
    return measures.Run(rate, 0.005, 0.01, 0.0006, 0.0001, 0.2, 0.0, **more)


def test_a_report_of_wrk_is_read_with_its_failures() -> None:
    read = wrk.read_report(_REPORT, processor_seconds=0.5)

    assert (read.requests, read.rate, read.p50, read.p99) == (3120, 1560.21, pytest.approx(0.0049), 0.01)
    assert read.failures == {"not 2xx or 3xx": 7, "read": 3, "timeout": 1}
    assert read.processor == 0.25
    with pytest.raises(wrk.UnexpectedOutput):
        wrk.read_report("unable to connect to 127.0.0.1:18080 Connection refused")


def test_an_answer_is_read_whole_or_not_at_all() -> None:
    plain = b"HTTP/1.1 303 See\r\nLocation: /next\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 2\r\n\r\nok"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunked = head + b"2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"

    answer, last = http1.read(plain)
    assert answer is not None
    assert (answer.status, answer.location, answer.cookies(), answer.body, last) == (
        303, "/next", [("a", "1")], b"ok", False,
    )  # fmt: skip
    assert http1.read(plain[:-1]) == (None, False)
    answer, last = http1.read(chunked)
    assert answer is not None
    assert (answer.body, last) == (b"ok!", True)
    assert http1.read(chunked[:-2]) == (None, False)


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (measures.percentile(values, 50), measures.percentile(values, 99)) == (50.0, 99.0)
    assert (measures.percentile([7.0], 99), measures.percentile([], 50)) == (7.0, 0.0)


def test_figures_replace_what_stood_between_the_marks_and_failures_are_loud(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Before\n\n{table.BEGIN}\nold\n{table.END}\n\nAfter\n")
    report = table.Report(
        pinned={
            measures.TOKEN: {
                "portal, PostgreSQL": [run(900), run(1000), run(1200)],
                "oidc-provider, Redis": [run(2000, failures={"not 2xx or 3xx": 5})],
            }
        },
        skipped=["django: no network"],
    )

    table.write(report, document)

    written = document.read_text()
    assert written.startswith("# Before")
    assert written.endswith("After\n")
    assert "old" not in written
    assert "| portal, PostgreSQL   |      1,000 |  ± 15% |" in written
    assert (
        "**Requests failed:** oidc-provider, Redis, token: fresh codes redeemed: 5 × not 2xx or 3xx"
        in written
    )
    assert "Not measured: django: no network" in written
    # Half as fast as the peer it set out to pass: said in so many words.
    assert "0.50 × | **no** |" in written
    document.write_text("nothing to replace")
    with pytest.raises(ValueError, match="figures: begin"):
        table.write(report, document)


@pytest.mark.parametrize(("reached", "met"), [(910, ["0.91 ×", "yes"]), (700, ["0.70 ×", "**no**"])])
def test_published_documents_are_compared_with_the_server_itself(reached: float, met: list[str]) -> None:
    report = table.Report(
        pinned={measures.JWKS: {"portal, SQLite": [run(reached)]}},
        ceilings={f"gunicorn with {table.BARE_HELLO} that says hello, 1 workers": 1000.0},
    )

    line = next(line for line in table.rendered(report).split("\n") if "JWKS: portal" in line)
    assert [cell.strip() for cell in line.split("|")][2:4] == met
