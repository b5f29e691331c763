#!/usr/bin/env bash
# Trains on a Ray cluster as a job: the learner runs on the head, actors wherever there are CPUs, and this terminal may
# be closed. Needs the extra `cluster` here (pip install '.[cluster]') and selfplay installed on every machine.
#
#   scripts/submit.sh                                     connect four, 8 actors
#   scripts/submit.sh connect-four 32 --minutes 240       preset, actors, and what else `selfplay train` takes
#
# RAY_API_SERVER_ADDRESS   the head's job server (default http://127.0.0.1:8265, through `ssh -L 8265:127.0.0.1:8265 HEAD`)
# RAY_AUTH_MODE=token      with the cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN, where it asks for one
# RUN        folder of the run, on the head (default ~/selfplay-runs/PRESET); submitting again goes on with it
# NO_WAIT=1  return at once instead of showing the job's output
# SELFPLAY   the command on the head (default ~/selfplay/.venv/bin/selfplay)
set -euo pipefail

preset=${1:-connect-four}
actors=${2:-8}
shift $(($# > 2 ? 2 : $#))
run=${RUN:-\$HOME/selfplay-runs/$preset}
selfplay=${SELFPLAY:-\$HOME/selfplay/.venv/bin/selfplay}
export RAY_API_SERVER_ADDRESS=${RAY_API_SERVER_ADDRESS:-http://127.0.0.1:8265}

# Ray quotes each word of the job's command; the inner shell, on the head, fills in $HOME.
exec ray job submit ${NO_WAIT:+--no-wait} -- \
    bash -c "$selfplay train $preset --actors $actors --address auto --run $run --plain $*"
