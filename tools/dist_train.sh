#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [flags of train.py]
# PORT chooses a port, else a free one is taken. Several nodes: set NNODES,
# NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,4p "$0" >&2; exit 2; }

# For the line that says how to resume.
MMDCL_COMMAND=$(printf '%q ' "$0" "$@")
export MMDCL_COMMAND
exec python "$(dirname "$0")/train.py" "$1" --gpus "$2" "${@:3}"
