#!/usr/bin/env bash
# Writes the lock files from pyproject.toml: with the tools, with what production needs alone, the same with
# OpenTelemetry, and for `make fuzz`.
set -euo pipefail
export CUSTOM_COMPILE_COMMAND="make lock"
compile=(.venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host)
"${compile[@]}" --extra dev --extra tracing -o requirements.lock pyproject.toml
"${compile[@]}" -c requirements.lock -o requirements-production.lock pyproject.toml
"${compile[@]}" --extra tracing -c requirements.lock -o requirements-tracing.lock pyproject.toml
"${compile[@]}" --extra dev --extra tracing --extra security -c requirements.lock -o requirements-security.lock pyproject.toml
if grep -nE 'https?://|--(extra-)?index|--find-links|file:/' requirements*.lock; then
    echo "A lock file names an index; see the lines above." >&2
    exit 1
fi
