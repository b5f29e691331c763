#!/usr/bin/env bash
# Makes the development environment: a virtual environment with exactly the packages of constraints.txt, and this
# package installed in place. Run it again at any time; when nothing changed it is done at once.
#
#   scripts/setup.sh                     environment in .venv
#   VENV=/tmp/v scripts/setup.sh         environment elsewhere
#   PYTHON=python3.12 scripts/setup.sh   another interpreter (3.11 or later)
#
# Without a GPU, the CPU build of torch saves some 2 GB of download; pytorch.org names its index, CPU_INDEX here:
#   PIP_EXTRA_INDEX_URL=CPU_INDEX scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
python=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $("$python" --version) is too old; Python 3.11 or later is needed (PYTHON=python3.12 scripts/setup.sh)" >&2
    exit 1
}
if [ ! -x "$venv/bin/python" ]; then
    echo "setup: making the environment $venv with $("$python" --version)"
    "$python" -m venv "$venv"
fi

# The stamp holds a digest of everything the environment depends on; it is written last.
stamp=$venv/.selfplay-setup
wanted=$(cat pyproject.toml constraints.txt scripts/setup.sh <(pwd -P) | sha256sum | cut -d ' ' -f 1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "setup: $venv is up to date"
    exit 0
fi

torch=$(grep '^torch==' constraints.txt)
echo "setup: installing $torch"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt "$torch"
echo "setup: installing selfplay and its development tools, versions from constraints.txt"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
echo "$wanted" > "$stamp"
echo "setup: done; $venv/bin/pytest runs the tests, $venv/bin/selfplay is the command"
