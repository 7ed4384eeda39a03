#!/usr/bin/env bash
# From a fresh copy of the repository to the first answered goal. Safe to run again.
set -euo pipefail
started=$SECONDS
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

lang= home= yes=false run=true

locale_language() {
    local value=${LC_ALL:-${LC_MESSAGES:-${LANG:-en}}}
    case $value in [Ee][Ss]*) echo es ;; *) echo en ;; esac
}

say() { # ENGLISH SPANISH
    if [[ $lang == es ]]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

usage() {
    say "Usage: ./quickstart.sh [options]

Installs Flowmatik in .venv, makes an installation with the example company and runs one goal
on it, offline: no account, no key. A second time it only runs the goal.

  --lang en|es   language of the messages and of the goal (default: your locale)
  --dir DIR      where the installation goes (default: ./flowmatik-home)
  --no-run       install and initialise only
  --yes          do not ask before installing
  --help         this text" \
"Uso: ./quickstart.sh [opciones]

Instala Flowmatik en .venv, crea una instalación con la empresa de ejemplo y ejecuta sobre ella
un objetivo, sin conexión: sin cuenta y sin clave. La segunda vez solo ejecuta el objetivo.

  --lang en|es   idioma de los mensajes y del objetivo (por defecto, el del sistema)
  --dir DIR      dónde se crea la instalación (por defecto, ./flowmatik-home)
  --no-run       solo instalar e inicializar
  --yes          no preguntar antes de instalar
  --help         este texto"
}

wrong() { # ENGLISH SPANISH
    : "${lang:=$(locale_language)}"
    say "quickstart.sh: $1. See ./quickstart.sh --help" "quickstart.sh: $2. Mira ./quickstart.sh --help" >&2
    exit 2
}

needs_value() { [[ $2 -ge 2 ]] || wrong "$1 needs a value" "$1 necesita un valor"; }

help=false
while [[ $# -gt 0 ]]; do
    case $1 in
        --lang) needs_value "$1" $#; lang=$2; shift ;;
        --lang=*) lang=${1#*=} ;;
        --dir) needs_value "$1" $#; home=$2; shift ;;
        --dir=*) home=${1#*=} ;;
        --yes | -y) yes=true ;;
        --no-run) run=false ;;
        --help | -h) help=true ;;
        *) wrong "unknown option '$1'" "opción desconocida '$1'" ;;
    esac
    shift
done
case $lang in
    es | en) ;;
    "") lang=$(locale_language) ;;
    *) given=$lang; lang=; wrong "--lang is '$given'; it must be es or en" "--lang es '$given'; debe ser es o en" ;;
esac
unset LC_ALL # a locale that is not installed would make every shell below complain
if $help; then usage; exit 0; fi
: "${home:=$here/flowmatik-home}"
[[ $home == /* ]] || home=$PWD/$home
cd "$here"

if scripts/venv.sh run --check; then
    say "1/3 Install: already done" "1/3 Instalar: ya está hecho"
else
    python=$(scripts/find-python.sh "$lang")
    say "1/3 Install: the locked packages (about 0.6 GB) into $here/.venv, with $python" \
        "1/3 Instalar: los paquetes fijados (unos 0,6 GB) en $here/.venv, con $python"
    if ! $yes && [[ -t 0 && -t 1 ]]; then
        read -r -p "$(say '    Go on? [Y/n] ' '    ¿Seguimos? [S/n] ')" answer
        case $answer in
            "" | [YySs]*) ;;
            *) say "    Nothing was installed." "    No se ha instalado nada."; exit 130 ;;
        esac
    fi
    if ! scripts/venv.sh run "$python"; then
        say "The installation failed; the reason is above. Run ./quickstart.sh again: it goes on from there." \
            "La instalación ha fallado; el motivo está arriba. Vuelve a ejecutar ./quickstart.sh: sigue desde ahí." >&2
        exit 1
    fi
fi

say "2/3 Initialise: $home" "2/3 Inicializar: $home"
.venv/bin/flowmatik --home "$home" --lang "$lang" init

if $run; then
    say "3/3 Run: one goal, two agents, sources cited" "3/3 Ejecutar: un objetivo, dos agentes, fuentes citadas"
    code=0
    .venv/bin/flowmatik --home "$home" --lang "$lang" run --quickstart || code=$?
    if [[ $code -ne 0 ]]; then
        say "The run did not succeed (exit code $code); .venv/bin/flowmatik --home '$home' doctor says what is amiss." \
            "La ejecución no ha terminado bien (código $code); .venv/bin/flowmatik --home '$home' doctor dice qué falla." >&2
        exit "$code"
    fi
else
    say "3/3 Run: left out, as asked (--no-run)" "3/3 Ejecutar: omitido, como se pidió (--no-run)"
fi

say "
Done in $((SECONDS - started)) s. Your turn:
  source .venv/bin/activate && export FLOWMATIK_HOME='$home'
  flowmatik run \"…\"                  another goal on the example company
  flowmatik run \"…\" --docs FOLDER    a goal on your own documents
  flowmatik up                       the HTTP service" \
"
Hecho en $((SECONDS - started)) s. Ahora tú:
  source .venv/bin/activate && export FLOWMATIK_HOME='$home'
  flowmatik run \"…\"                   otro objetivo sobre la empresa de ejemplo
  flowmatik run \"…\" --docs CARPETA    un objetivo sobre tus documentos
  flowmatik up                        el servicio HTTP"
