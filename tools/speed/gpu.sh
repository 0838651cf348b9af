#!/usr/bin/env bash
# What one GPU does, in about ten minutes and without a network, as JSON.
#
#   tools/speed/gpu.sh [PART...] [--jpegs FOLDER] [--out FOLDER]
#
# Parts: tests, loss, knn, views, step; without any, all of them. A part that
# fails does not stop the others; the exit code tells. --jpegs has photographs
# (some hundreds do); without it JPEGs are drawn, and the rows say so.
# --device cpu --quick tries all of it where there is no GPU, in a minute or
# two; tools/speed/gpu_section.py takes nothing of that into the documentation.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/../../results/speed
jpegs= device=cuda quick=
parts=()
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=${2:?--out needs a folder}; shift ;;
        --jpegs) jpegs=${2:?--jpegs needs a folder}; shift ;;
        --device) device=${2:?--device needs a name}; shift ;;
        --quick) quick=1 ;;
        tests | loss | knn | views | step) parts+=("$1") ;;
        *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ ${#parts[@]} -gt 0 ] || parts=(tests loss knn views step)
if [ "$device" = cuda ] &&
    ! python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'
then
    echo 'error: torch sees no CUDA device; --device cpu --quick tries it' >&2
    exit 1
fi
mkdir -p "$out"
cores=$(getconf _NPROCESSORS_ONLN)
workers=$((cores < 16 ? cores : 16))
lightly=$(python -c 'from importlib.util import find_spec as f
print("yes" if f("lightly") else "")')

drawn=
trap '[ -z "$drawn" ] || rm -rf "$drawn"' EXIT
if [ -z "$jpegs" ] && [[ " ${parts[*]} " =~ \ (views|step)\  ]]; then
    jpegs=$(mktemp -d) drawn=$jpegs
    echo 'No --jpegs FOLDER: images are drawn.'
    python "$here/jpegs.py" "$jpegs" --number "$([ "$quick" ] && echo 8 || echo 512)"
fi

tests() { python "$here/gpu_tests.py" "$@" ${quick:+-k lars}; }
loss() {
    local peers=(mmdcl dense) size=(--images 4096 16384 65536 --rounds 5)
    [ "$quick" ] && size=(--images 16 --rounds 1 --no-memory) || peers+=(compiled)
    [ "$lightly" ] && peers+=(lightly)
    python "$here/loss.py" "$@" "${size[@]}" --peers "${peers[@]}"
}
knn() {
    local size=(--bank 50000 --rounds 3 --threads "$cores")
    [ "$quick" ] && size=(--bank 100 --queries 4 -k 3 --rounds 1)
    python "$here/knn.py" "$@" "${size[@]}"
}
views() {
    local size=(--batch 64 --rounds 5)
    [ "$quick" ] && size=(--batch 2 --rounds 1)
    python "$here/views.py" "$jpegs" "$@" "${size[@]}"
}
step() {
    local peers=(mmdcl 'mmdcl fast' mmpretrain 'mmpretrain amp')
    [ "$lightly" ] && peers+=(lightly 'lightly amp')
    peers+=(bare 'bare both')
    local size=(--backbone resnet50 --batch 64 --steps 20 --rounds 3)
    size+=(--workers "$workers")
    if [ "$quick" ]; then
        peers=(mmdcl)
        size=(--backbone resnet18 --batch 2 --steps 1 --rounds 1)
    fi
    python "$here/step.py" "$@" "${size[@]}" --jpegs "$jpegs" \
        --repeats 1 --peers "${peers[@]}"
}

failed=()
for part in "${parts[@]}"; do
    echo "== $part"
    "$part" --device "$device" --json "$out/gpu_$part.json" || failed+=("$part")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "error: failed: ${failed[*]}" >&2
    exit 1
fi
