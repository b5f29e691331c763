#!/bin/sh
# Checks and measures everything that wants a GPU, in under 8 minutes on a machine with one and 16 cores; needs no network.
#
#   scripts/gpu_check.sh                 results in runs/gpu-check: gpu_check.json, and gpu_check.md with tables
#   scripts/gpu_check.sh --out FOLDER    elsewhere
#   scripts/gpu_check.sh --dry-run       every part in seconds, tiny, also on a CPU
#   scripts/gpu_check.sh --help
#
# Runs from a plain checkout: nothing has to be installed but Python 3.12 or another that the package knows, and torch, numpy,
# numba, safetensors, filelock and scipy; what is missing is named. PYTHON=… takes another interpreter.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi
exec "$PYTHON" benchmarks/gpu_check/check.py "$@"
