#!/usr/bin/env bash
# Prints a Python that can run Flowmatik (3.11 or newer), or explains and exits 1.
# FLOWMATIK_PYTHON names one explicitly.
set -euo pipefail

recent='import sys; sys.exit(sys.version_info < (3, 11))'
seen=()
for candidate in ${FLOWMATIK_PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if "$path" -c "$recent" >/dev/null 2>&1; then
        echo "$path"
        exit 0
    fi
    version=$("$path" -c 'import platform; print(platform.python_version())' 2>/dev/null) || version="does not start"
    seen+=("$candidate ($version)")
done
case ${1:-en} in
    es)
        echo "Flowmatik necesita Python 3.11 o posterior. Encontrado: ${seen[*]:-ninguno}." \
            "Instálalo (por ejemplo: sudo apt-get install python3.11 python3.11-venv) o indica uno" \
            "con FLOWMATIK_PYTHON=/ruta/a/python3.12." >&2
        ;;
    *)
        echo "Flowmatik needs Python 3.11 or newer. Found: ${seen[*]:-none}." \
            "Install it (for example: sudo apt-get install python3.11 python3.11-venv) or name one" \
            "with FLOWMATIK_PYTHON=/path/to/python3.12." >&2
        ;;
esac
exit 1
