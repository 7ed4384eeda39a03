#!/usr/bin/env bash
# Makes the committed lock again: requirements/{run,dev,bench}.txt, hashed, without addresses.
# uv.lock stays out of the repository because it holds download addresses.
# Usage: scripts/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! uv --version >/dev/null 2>&1; then
    echo "scripts/lock.sh: making the lock needs uv; install it (pipx install uv) and try again" >&2
    exit 1
fi
uv lock --quiet "$@"
export_lock() { # NAME GROUP...
    local name=$1 groups=()
    shift
    for group in "$@"; do groups+=(--group "$group"); done
    uv export --quiet --frozen --no-default-groups "${groups[@]}" \
        --no-emit-project --no-header -o "requirements/$name.txt" >/dev/null
}
export_lock run embeddings build
export_lock dev embeddings build dev
export_lock bench embeddings build dev bench
if grep -nE '^-|https?://' requirements/*.txt >&2; then
    echo "scripts/lock.sh: the lines above must not be in a lock: index options or addresses" >&2
    exit 1
fi
grep -c '==' requirements/*.txt
