#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags of test.py]
# PORT chooses a port, else a free one is taken. Several nodes: set NNODES,
# NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
[ $# -ge 3 ] || { sed -n 2,4p "$0" >&2; exit 2; }

exec python "$(dirname "$0")/test.py" "$1" "$2" --gpus "$3" "${@:4}"
