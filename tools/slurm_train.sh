#!/usr/bin/env bash
# tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [flags of train.py]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS come from the environment.
set -euo pipefail
[ $# -ge 4 ] || { sed -n 2,3p "$0" >&2; exit 2; }

# Jobs that share a node need different ports.
export MASTER_PORT="${PORT:-${MASTER_PORT:-$((20000 + RANDOM % 12000))}}"
# For the line that says how to resume.
MMDCL_COMMAND=$(printf '%q ' "$0" "$@")
export MMDCL_COMMAND
# SRUN_ARGS is split into words on purpose.
# shellcheck disable=SC2086
srun -p "$1" --job-name="$2" --ntasks="${GPUS:-8}" \
    --gres="gpu:${GPUS_PER_NODE:-8}" \
    --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$3" --work-dir "$4" \
    --launcher slurm "${@:5}"
