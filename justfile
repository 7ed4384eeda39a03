# The only commands. CI, pre-commit and test.sh call these recipes.

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

# List the recipes.
default:
    @just --list

# Everything for development in .venv, from the hashed lock; git hooks where there is a checkout.
setup:
    scripts/venv.sh dev
    if [ -d .git ]; then pre-commit install; fi

# The same, with the benchmark peers.
setup-bench:
    scripts/venv.sh bench
    scripts/npm-peers.sh

format:
    ruff format .
    ruff check --fix .

lint:
    ruff check .
    ruff format --check .

types:
    pyright

# The layers and the independence of modules and plugins.
arch:
    lint-imports --no-logo

# Every test on own services, without the other checks: just test tests/unit -k fence
test *ARGS:
    ./test.sh --tests-only "$@"

# Everything that must hold: lint, types, arch, test.
check:
    ./test.sh

# One benchmark, or all of them: just bench NAME --quick
bench *ARGS:
    python -m benchmarks "$@"

# Hours of steady load with the memory of every process watched: just soak --minutes 60
soak *ARGS:
    python -m benchmarks.soak "$@"

# The same for the model gateway alone: just soak-models --minutes 60
soak-models *ARGS:
    python -m benchmarks.soak.gateway "$@"

# Ten thousand paid calls from processes that are killed, watched: just money 100000
money *ARGS:
    FLOWMATIK_PAID_CALLS="${1:-10000}" ./test.sh --tests-only -s tests/integration/core/test_money_under_storm.py

# Simulated lives of the engine: just simulate --first 404 --seeds 1
simulate *ARGS:
    python -m tests.simulation "$@"

# Half a million of them with seeds that come of the date: just simulate-nightly --seeds 1000
simulate-nightly *ARGS:
    python -m tests.simulation --nightly "$@"

# The documents: links that lead somewhere, headings, commands that both languages share.
docs:
    pytest -q tests/unit/house/test_documents.py

# Make the committed lock again (needs uv): just lock --upgrade
lock *ARGS:
    scripts/lock.sh "$@"

# A plugin's folder with all its files: just new-plugin models acme
new-plugin KIND ID:
    python scripts/new_plugin.py "$@"

set positional-arguments
