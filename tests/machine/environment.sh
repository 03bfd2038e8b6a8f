#!/usr/bin/env bash
# Makes the virtual environment $1 with exactly what the lock file $2 names, checked by hash.
set -euo pipefail
venv=$1 lock=$2

python=${PORTAL_PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed; name one with PORTAL_PYTHON=/path/to/python." >&2
    exit 1
fi

if ! "$venv/bin/python" -c '' 2>/dev/null; then
    echo "Making $venv with $("$python" --version)."
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian keeps this part of Python in a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null
            "$python" -m venv "$venv"
        else
            echo "Python's venv module is missing: install Debian's package python3-venv." >&2
            exit 1
        fi
    fi
fi
echo "Installing the packages of $lock."
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
