#!/usr/bin/env bash
# tools/torchrun.sh GPUS SCRIPT ARGUMENTS...
# What dist_train.sh and dist_test.sh share: where processes meet.
set -euo pipefail

if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    where=(--standalone --local-addr=127.0.0.1)
else
    where=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}"
        --master_port="${PORT:-29500}")
fi
exec python -m torch.distributed.run "${where[@]}" --nproc_per_node="$1" \
    "$(dirname "$0")/$2" "${@:3}"
