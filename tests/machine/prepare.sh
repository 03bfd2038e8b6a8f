#!/usr/bin/env bash
# Installs what the tests need beside Python, where that is possible: Debian's packages as root, and the
# locked npm packages of the interoperability tests. It never fails: a test whose part is missing skips
# and says why, or fails where PORTAL_TEST_REQUIRE_ALL=1 is set.
set -uo pipefail
cd "$(dirname "$0")/../.."

postgres() { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; }
module() { ls /usr/lib/apache2/modules/mod_auth_openidc.so; }

packages=()
command -v chromium >/dev/null || packages+=(chromium)
postgres >/dev/null 2>&1 || packages+=(postgresql)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
command -v apache2 >/dev/null || [ -x /usr/sbin/apache2 ] || packages+=(apache2)
[ -x /usr/sbin/nginx ] || packages+=(nginx-light)
command -v redis-server >/dev/null || packages+=(redis-server)
command -v promtool >/dev/null || packages+=(prometheus)
module >/dev/null 2>&1 || packages+=(libapache2-mod-auth-openidc)

if [ ${#packages[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing for the tests: ${packages[*]}."
        log=$(mktemp)
        # No service is started by being installed: the tests start what they need, on ports of their own.
        policy=/usr/sbin/policy-rc.d
        [ -e $policy ] && policy= || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; }
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq >"$log" 2>&1
        if ! apt-get install -qq -y --no-install-recommends "${packages[@]}" >>"$log" 2>&1; then
            for package in "${packages[@]}"; do
                apt-get install -qq -y --no-install-recommends "$package" >>"$log" 2>&1 ||
                    echo "Not installed: $package (the tests that need it will say so). $(tail -1 "$log")"
            done
        fi
        [ -n "$policy" ] && rm -f "$policy"
        rm -f "$log"
    else
        echo "Missing for some tests: ${packages[*]} (Debian's packages; only root can install them)."
    fi
fi

if command -v npm >/dev/null; then
    if ! cmp -s tests/interop/package-lock.json tests/interop/node_modules/.installed-lock.json; then
        echo "Installing the npm packages of the interoperability tests."
        if (cd tests/interop && npm ci --no-audit --no-fund --loglevel=error); then
            cp tests/interop/package-lock.json tests/interop/node_modules/.installed-lock.json
        else
            echo "Not installed: the npm packages (the tests that need them will say so)."
        fi
    fi
fi
exit 0
