#!/usr/bin/env bash
# Everything that must hold: lint, types, architecture, then every test in one pytest run.
# Usage: ./test.sh [--tests-only] [pytest arguments]
# Starts its own PostgreSQL and Redis on free loopback ports and stops them at the end; whatever
# servers this machine already runs are neither used nor touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

limit=3600 # seconds; 15 minutes is the aim
processes=3 # on two cores: most tests wait for a server or a program that they started
few=5
if [[ -z ${FLOWMATIK_TEST_LIMITED:-} ]]; then
    export FLOWMATIK_TEST_LIMITED=1
    exec timeout --kill-after=60 "$limit" "${BASH:-bash}" ./test.sh "$@"
fi
unset FLOWMATIK_TEST_LIMITED

checks=true
if [[ ${1:-} == --tests-only ]]; then checks=false; shift; fi

fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

# --- what the machine must have -------------------------------------------------------------
postgres_bin() { # the newest server from version 15 on
    local initdb version best=0 found=
    for initdb in /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)"; do
        [[ -x $initdb ]] || continue
        version=$("$initdb" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if ((version >= 15 && version > best)); then best=$version found=$(dirname "$initdb"); fi
    done
    [[ -n $found ]] && echo "$found"
}

install_packages() { # WHAT...   what: postgresql, redis-server, bubblewrap
    local as_root=() update install packages=("$@")
    if ! command -v apt-get >/dev/null; then
        fail "needs PostgreSQL 15 or newer, redis-server and bubblewrap (missing: $*); install them with this system's package manager"
    fi
    update="apt-get update"
    install="env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages[*]}"
    if [[ $(id -u) -ne 0 ]]; then
        if sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            fail "missing packages and no right to install them; run this and try again:
  sudo apt-get update && sudo $install"
        fi
    fi
    echo "test.sh: installing ${packages[*]}"
    "${as_root[@]}" $update -qq || fail "\`$update\` failed; the reason is above"
    if ! "${as_root[@]}" $install -qq >"$work/apt.log" 2>&1; then
        tail -20 "$work/apt.log" >&2
        fail "\`$install\` failed; the reason is above"
    fi
}

# --- the services: a temporary folder, free ports, stopped by their own pid ------------------
work=$(mktemp -d "${TMPDIR:-/tmp}/flowmatik-test.XXXXXX")
chmod 755 "$work"
redis_pid=
pg_started=false
pg_data=
as_postgres=()

stop_services() {
    local code=$?
    trap - EXIT INT TERM
    if $pg_started; then
        "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg_data/data" -m immediate -t 20 stop >/dev/null 2>&1 ||
            echo "test.sh: the PostgreSQL in $pg_data did not stop" >&2
    fi
    if [[ -n $redis_pid ]]; then
        kill "$redis_pid" 2>/dev/null || true
        wait "$redis_pid" 2>/dev/null || true
    fi
    rm -rf "$work" ${pg_data:+"$pg_data"}
    exit "$code"
}
trap stop_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
    .venv/bin/python -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

memory_folder() { # a new folder in memory, where there is room: hundreds of databases are made and dropped
    local free
    [[ -d /dev/shm && -w /dev/shm ]] || return 1
    free=$(df --output=avail -k /dev/shm | tail -1)
    ((free >= 4 * 1024 * 1024)) || return 1
    mktemp -d /dev/shm/flowmatik-test.XXXXXX
}

start_postgres() {
    local port attempt
    if [[ $(id -u) -eq 0 ]]; then
        id postgres >/dev/null 2>&1 || fail "PostgreSQL refuses to run as root and there is no user postgres"
        as_postgres=(runuser -u postgres --)
    fi
    pg_data=$(memory_folder || echo "$work/pg")
    mkdir -p "$pg_data"
    [[ $(id -u) -ne 0 ]] || chown postgres "$pg_data"
    (cd "$pg_data" && "${as_postgres[@]}" "$pg_bin/initdb" -D "$pg_data/data" -U postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8) >"$work/initdb.log" 2>&1 ||
        { cat "$work/initdb.log" >&2; fail "initdb failed; the reason is above"; }
    for attempt in 1 2 3; do
        port=$(free_port)
        if (cd "$pg_data" && "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$pg_data/data" -w -t 60 -l "$pg_data/log" \
            -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$pg_data' -c fsync=on -c max_connections=300" \
            start) >/dev/null 2>&1; then
            pg_started=true
            export FLOWMATIK_TEST_PG_DSN="postgresql://postgres@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$pg_data/log" >&2
    fail "PostgreSQL did not start in three attempts; its log is above"
}

start_redis() {
    local port attempt
    for attempt in 1 2 3; do
        port=$(free_port)
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" \
            >"$work/redis.log" 2>&1 &
        redis_pid=$!
        if .venv/bin/python scripts/wait_for_redis.py "$port" "$redis_pid"; then
            export FLOWMATIK_TEST_REDIS_URL="redis://127.0.0.1:$port/0"
            return
        fi
        kill "$redis_pid" 2>/dev/null || true
        redis_pid=
    done
    cat "$work/redis.log" >&2
    fail "Redis did not start in three attempts; its log is above"
}

missing=()
if ! postgres_bin >/dev/null; then
    if apt-cache show postgresql-15 >/dev/null 2>&1; then missing+=(postgresql-15); else missing+=(postgresql); fi
fi
command -v redis-server >/dev/null || missing+=(redis-server)
command -v bwrap >/dev/null || missing+=(bubblewrap)
[[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
command -v bwrap >/dev/null || fail "no bwrap, even after installing bubblewrap"
pg_bin=$(postgres_bin) || fail "no PostgreSQL 15 or newer under /usr/lib/postgresql, even after installing ${missing[*]:-nothing}"
command -v redis-server >/dev/null || fail "no redis-server, even after installing ${missing[*]:-nothing}"

scripts/venv.sh dev || fail "the locked packages could not be installed; the reason is above"
export PATH="$PWD/.venv/bin:$PATH"
unset PYTHONDONTWRITEBYTECODE # every test that starts the program would compile it anew

if $checks; then
    just lint types arch
fi

start_postgres
start_redis
if [[ -z ${FLOWMATIK_TEST_DATA:-} && -d ../shared/data ]]; then
    FLOWMATIK_TEST_DATA=$(cd ../shared/data && pwd -P)
    export FLOWMATIK_TEST_DATA
fi
if [[ $# -gt 0 ]]; then
    pytest "$@"
    exit
fi

# A few that fail beside others run once more, alone: what is broken fails again, and what only this
# machine's load broke is named for whoever reads the output. Many at once are no matter of load.
code=0
pytest -n "$processes" --dist worksteal || code=$?
[[ $code -eq 1 ]] || exit "$code"
failed=$(.venv/bin/python -c 'import json, pathlib
print("\n".join(json.loads(pathlib.Path(".pytest_cache/v/cache/lastfailed").read_text())))')
if [[ $(wc -l <<<"$failed") -gt $few ]]; then exit "$code"; fi
printf 'test.sh: failed beside other tests, run once more alone:\n%s\n' "$failed"
pytest --last-failed --last-failed-no-failures=none
