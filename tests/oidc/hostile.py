"""Hostile values for any parameter, and what no answer to them may ever hold."""

from urllib.parse import quote

from werkzeug.test import TestResponse

#: Put into every hostile value: an answer that shows it has repeated the request.
MARKER = "zqmarkerqz"

#: Raw (already escaped) values by what is odd about them.
VALUES = {
    "plain text": MARKER,
    "not UTF-8": f"{MARKER}%FF",
    "an overlong sequence": f"{MARKER}%C0%80",
    "half a character": f"{MARKER}%E2%82",
    "a surrogate": f"{MARKER}%ED%A0%80",
    "NUL": f"{MARKER}%00",
    "a line break": f"{MARKER}%0D%0ASet-Cookie:%20{MARKER}",
    "a control character": f"{MARKER}%1B%07",
    "a delete character": f"{MARKER}%7F",
    "a C1 control character": f"{MARKER}%C2%85",
    "double quotes": quote(f'"{MARKER}"'),
    "single quotes": quote(f"'{MARKER}'--"),
    "backslashes": quote(f"\\{MARKER}\\"),
    "markup": quote(f"<script>alert('{MARKER}')</script>"),
    "a template": quote(f"{{{{7*7}}}}{MARKER}"),
    "non-ASCII": quote(f"{MARKER}Ωé漢字🙂"),
    "a right-to-left override": f"{MARKER}%E2%80%AE",
    "a line separator": f"{MARKER}%E2%80%A8",
    "a bad escape": f"{MARKER}%zz%",
    "raw bytes": f"{MARKER}\xff\xfe",
    "a foreign address": quote(f"https://{MARKER}.example/steal"),
    "a script address": quote(f"javascript:alert('{MARKER}')"),
    "a path up": quote(f"../../{MARKER}"),
    "a list": quote(f'["{MARKER}"]'),
    "an object": quote(f'{{"{MARKER}": null}}'),
    "deep nesting": "[" * 5000 + "]" * 5000,
    "deep objects": quote('{"a":' * 3000 + "1" + "}" * 3000),
    "a huge number": "9" * 9000,
    "a negative number": "-1",
    "blanks": "%20%20",
    "ten thousand letters": MARKER + "a" * 10_000,
    "seventy thousand letters": MARKER + "a" * 70_000,
}  # fmt: skip


def check_answer(answer: TestResponse, what: str, *, allowed_location: tuple[str, ...] = ()) -> None:
    """Check that ``answer`` is one of the portal's own: no failure, no foreign redirect, nothing repeated."""
    assert answer.status_code < 500, f"{answer.status_code} for {what}"
    location = answer.headers.get("Location", "")
    if location:
        assert location.startswith(("/", *allowed_location)), f"sent to {location} for {what}"
        assert not location.startswith("//"), f"sent to {location} for {what}"
    else:
        assert MARKER not in answer.text, f"the answer repeats {what}"
    for name, value in answer.headers:
        if name != "Location":
            assert MARKER not in value, f"the header {name} repeats {what}"
    if answer.is_json and isinstance(answer.json, dict):
        assert answer.json.keys() <= {"error", "error_description"} or answer.status_code == 200
