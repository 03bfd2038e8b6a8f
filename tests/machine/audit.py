"""Ask PyPI's advisories about every package that production is made of: ``audit.py LOCK``.

Ends with 0 if every package was asked about and none is known to be weak, with 1 if one is, and with 3 if
some could not be asked about (no network, or a mirror that has no advisories): that is no clean bill.
"""

import json
import subprocess
import sys

_NOT_ASKED = 3


def main(lock: str) -> int:
    """Audit ``lock``, say in words what came of it, and return the exit status."""
    command = [sys.executable, "-m", "pip_audit", "-r", lock, "--require-hashes", "--disable-pip"]
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(command + options, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"audit: NOT DONE, no package was asked about: {last}")
        return _NOT_ASKED
    weak = [package for package in packages if package.get("vulns")]
    unasked = [package["name"] for package in packages if "skip_reason" in package]
    for package in weak:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no release yet"
            print(f"audit: {package['name']} {package['version']}: {found['id']}, mended in {fixed}")
    print(
        f"audit: {len(packages) - len(unasked)} of {len(packages)} packages of {lock} were asked about,",
        end=" ",
    )
    print(f"{len(weak)} known to be weak")
    if unasked:
        print(f"audit: NOT COMPLETE, the feed knows nothing of: {', '.join(unasked)}")
    return 1 if weak else _NOT_ASKED if unasked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
