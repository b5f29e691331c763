#!/bin/sh
# Makes the environment of a peer for run.py: setup.sh NAME, where NAME is pgx-mctx, openspiel or alpha-zero-general.
# PYTHON names the interpreter (default python3); environments lie in $SELFPLAY_PEERS (default ~/.cache/selfplay/peers).
# Everything comes from the Python package index. alpha-zero-general is on none: its environment holds what its search
# and its connect four import, and run.py is told where your checkout is.
set -eu
case "${1:-}" in
pgx-mctx) packages="jax==0.10.2 mctx==0.0.71 pgx==2.6.0 dm-haiku==0.0.17" ;;
openspiel) packages="jax==0.10.2 dm-haiku==0.0.17 open_spiel==2.0.2" ;;
alpha-zero-general) packages="jax==0.10.2 dm-haiku==0.0.17 numpy==2.2.6" ;; # its boards use ndarray.tostring
*)
    echo "setup.sh: name a peer: pgx-mctx, openspiel or alpha-zero-general." >&2
    exit 2
    ;;
esac
folder="${SELFPLAY_PEERS:-$HOME/.cache/selfplay/peers}/$1"
"${PYTHON:-python3}" -m venv "$folder"
# shellcheck disable=SC2086 # several packages
"$folder/bin/pip" install --quiet $packages
echo "$folder is ready."
