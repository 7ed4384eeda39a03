#!/usr/bin/env bash
# Makes .venv hold exactly what requirements/NAME.txt locks, and the project itself (editable).
# Usage: scripts/venv.sh NAME [PYTHON]        NAME: run | dev | bench
# Does nothing, and needs no network, when a stamp in .venv says that this lock (or one that
# contains it) is installed. The stamp is written last: an interrupted install starts again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=${1:?usage: scripts/venv.sh run|dev|bench [python]}
stamp=.venv/.flowmatik-lock

fingerprint() { # of one lock: its text, how the project is packaged, and where it lies
    { pwd -P; sed '/^\[tool\.ruff\]/,$d' pyproject.toml; cat "requirements/$1.txt"; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1
}

case $name in
    run) enough="run dev bench" ;;
    dev) enough="dev bench" ;;
    bench) enough="bench" ;;
    *) echo "scripts/venv.sh: no lock is called '$name'; use run, dev or bench" >&2; exit 2 ;;
esac

if [[ -f $stamp && -x .venv/bin/flowmatik ]] && .venv/bin/python -c '' 2>/dev/null; then
    for lock in $enough; do
        [[ $(<"$stamp") == "$lock $(fingerprint "$lock")" ]] && exit 0
    done
fi
# --check only says whether there is work to do (exit 1).
[[ ${2:-} == --check ]] && exit 1

# An environment that was made for a larger lock keeps it.
if [[ -f $stamp ]]; then
    before=$(cut -d' ' -f1 "$stamp")
    case " $enough " in *" $before "*) name=$before ;; esac
fi

python=${2:-$(scripts/find-python.sh)}
has_uv() { [[ -z ${FLOWMATIK_NO_UV:-} ]] && uv --version >/dev/null 2>&1; }
recent='import sys; sys.exit(sys.version_info < (3, 11))'

rm -f "$stamp"
if [[ -e .venv ]] && ! .venv/bin/python -c "$recent" 2>/dev/null; then
    rm -rf .venv # its interpreter is gone or too old
fi
if has_uv; then
    [[ -e .venv ]] || uv venv --quiet --python "$python" .venv
    uv pip sync --quiet --python .venv/bin/python --require-hashes "requirements/$name.txt"
    uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
else
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        rm -rf .venv
        if ! "$python" -m venv .venv; then
            rm -rf .venv
            echo "scripts/venv.sh: $python cannot make a virtual environment." \
                "On Debian or Ubuntu: sudo apt-get install python3-venv. Or install uv." >&2
            exit 1
        fi
    fi
    pip=(.venv/bin/python -m pip --disable-pip-version-check -qq) # -q still prints warnings
    "${pip[@]}" install --no-deps --require-hashes -r "requirements/$name.txt"
    "${pip[@]}" install --no-deps --no-build-isolation -e .
fi
echo "$name $(fingerprint "$name")" > "$stamp"
