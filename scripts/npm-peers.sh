#!/usr/bin/env bash
# Benchmark peers that come as npm packages, as requirements/npm/package-lock.json pins them (with hashes,
# without addresses). No script of a package runs. Without npm the peers stay out, and the benchmarks say so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../requirements/npm"

if ! npm --version >/dev/null 2>&1; then
    echo "scripts/npm-peers.sh: npm is not installed, so Restate's server is left out; install Node.js and" \
        "run \`just setup-bench\` again" >&2
    exit 0
fi
npm ci --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error
