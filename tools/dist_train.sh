#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [flags of train.py]
# PORT chooses a port, else a free one is taken. Several nodes: set NNODES,
# NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,4p "$0" >&2; exit 2; }

# For the line that says how to resume.
MMDCL_COMMAND=$(printf '%q ' "$0" "$@")
export MMDCL_COMMAND
# Slurm's notice is passed on, too (by versions of torchrun that can).
export PET_SIGNALS_TO_HANDLE="${PET_SIGNALS_TO_HANDLE:-SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1}"
exec bash "$(dirname "$0")/torchrun.sh" "$2" train.py "$1" \
    --launcher pytorch "${@:3}"
