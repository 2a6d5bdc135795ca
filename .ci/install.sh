#!/bin/sh
# Makes a virtual environment and installs a lock file into it. Usage: install.sh VENV LOCKFILE
# Bare Debian has no ensurepip: then python3-venv is installed where we are root, else pip of the system fills the
# environment from outside, else the one command to type is printed.
set -eu
venv=$1
lock=$2
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

command -v "$python" >/dev/null 2>&1 || { say "Python 3.11 or newer is needed: install it, or say PYTHON=/path/to/python3 make …"; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "$("$python" --version) is too old: Python 3.11 or newer is needed (PYTHON=… make …)"; exit 1; }

has_pip() { [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
    rm -rf "$venv" # a failed try leaves half an environment behind
    "$python" -m venv "$venv" >/dev/null 2>&1 && has_pip
}

as_root_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    say "installing $* with apt-get"
    apt-get update -q >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1
}

if ! has_pip; then
    say "making $venv"
    if ! make_venv; then
        if as_root_install python3-venv && make_venv; then :
        elif "$python" -m pip --version >/dev/null 2>&1; then
            rm -rf "$venv"
            "$python" -m venv --without-pip "$venv"
        else
            rm -rf "$venv"
            say "Python's venv module is not complete here. Type this once, then make again:"
            say "    sudo apt-get install python3-venv"
            exit 1
        fi
    fi
fi

if has_pip; then pip="$venv/bin/python -m pip"; else pip="$python -m pip --python $venv/bin/python"; fi
say "installing $(grep -c '==' "$lock") pinned packages from $lock"
$pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
here=$(cd "$(dirname "$0")/.." && pwd)
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$here" >"$site/tangerang-gateway.pth"
cat >"$venv/bin/gateway" <<SCRIPT
#!$here/$venv/bin/python
from gateway.cli import main

main()
SCRIPT
chmod +x "$venv/bin/gateway"
