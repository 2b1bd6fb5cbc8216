#!/bin/sh
# make_venv.sh DIR [PYTHON]: a virtual environment of Python 3.11 or later.
set -eu
target=$1
wanted=${2:-}

recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11 python}; do
    if recent "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "napari-qualify needs Python 3.11 or later; ${wanted:-python3} is older or absent." >&2
    echo "Install one and name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

if "$python" -m venv "$target"; then
    exit 0
fi
# Debian and Ubuntu split venv off Python.
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "python$version-venv" </dev/null
    exec "$python" -m venv "$target"
fi
echo "Python's venv module does not work; on Debian and Ubuntu: sudo apt-get install python$version-venv" >&2
exit 1
