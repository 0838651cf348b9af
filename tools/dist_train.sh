#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [flags of train.py]
# PORT chooses a port, else a free one is taken. Several nodes: set NNODES,
# NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,4p "$0" >&2; exit 2; }

if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    where=(--standalone --local-addr=127.0.0.1)
else
    where=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}"
        --master_port="${PORT:-29500}")
fi
# For the line that says how to resume.
MMDCL_COMMAND=$(printf '%q ' "$0" "$@")
export MMDCL_COMMAND
# Slurm's notice is passed on, too (by versions of torchrun that can).
export PET_SIGNALS_TO_HANDLE="${PET_SIGNALS_TO_HANDLE:-SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1}"
exec python -m torch.distributed.run "${where[@]}" --nproc_per_node="$2" \
    "$(dirname "$0")/train.py" "$1" --launcher pytorch "${@:3}"
