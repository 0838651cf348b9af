#!/usr/bin/env bash
# mmcv with compiled operators, for the active environment:
#
#     bash tools/build_mmcv.sh [FOLDER]
#
# Builds a wheel of the mmcv that is installed here (onedl-mmcv, mmcv-lite or
# mmcv) for its torch, keeps it in FOLDER (default: wheels) under the versions
# it is for, and installs it. A second call installs what it finds there. Needs
# g++ (and nvcc where there is a GPU), pip and about ten minutes of two cores.
set -euo pipefail
python=$(command -v "${PYTHON:-python}")
[[ $python = /* ]] || python=$PWD/$python
folder=$(mkdir -p "${1:-wheels}" && cd "${1:-wheels}" && pwd)

"$python" -m pip --version > /dev/null 2>&1 ||
    { echo "error: no pip here; $python -m ensurepip"; exit 1; }
command -v g++ > /dev/null ||
    { echo 'error: no g++; on Debian, apt-get install g++'; exit 1; }
read -r name version torch key cuda < <("$python" - <<'END'
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    import torch
except ImportError:
    sys.exit('error: no torch in this environment')
for name in ('onedl-mmcv', 'mmcv', 'mmcv-lite'):
    try:
        found = version(name)
        break
    except PackageNotFoundError:
        pass
else:
    sys.exit('error: no mmcv in this environment; install mmdcl with an extra')
name = name.removesuffix('-lite')
python = 'cp%d%d' % sys.version_info[:2]
device = 'cpu'
if torch.cuda.is_available():
    capability = '%d%d' % torch.cuda.get_device_capability()
    device = f'cu{torch.version.cuda}-sm{capability}'
major, minor = torch.__version__.split('.')[:2]
print(name, found, f'{int(major):02d}{int(minor):02d}',
      f'torch{torch.__version__}-{device}-{python}-{name}{found}',
      int(torch.cuda.is_available()))
END
)
[ -n "${cuda:-}" ] || exit 1
kept=$folder/$key
wheel=$(find "$kept" -name '*.whl' 2> /dev/null | head -n 1 || true)

if [ -z "$wheel" ]; then
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    echo "building $name $version in $build"
    # mmcv's setup.py needs pkg_resources, which setuptools 82 dropped.
    "$python" -m pip install --quiet --target "$build/with" \
        'setuptools<82' wheel packaging ninja psutil
    export PYTHONPATH=$build/with PATH=$build/with/bin:$PATH
    cd "$build"
    # Not from pip's cache, which returns a wheel without operators.
    "$python" -m pip download --quiet --no-deps --no-build-isolation \
        --no-cache-dir --no-binary :all: "$name==$version"
    tar xzf ./*.tar.gz
    cd ./*mmcv*/
    # torch 2.14 wants C++20, and mmcv asks for C++17.
    standard=17
    if [ "$torch" -ge 0214 ]; then
        standard=20
        sed -i 's/-std=c++1[47]/-std=c++20/g' setup.py
    fi
    export MMCV_WITH_OPS=1 FORCE_CUDA=$cuda MAX_JOBS=${MAX_JOBS:-$(nproc)}
    # Without debugging symbols, a third of the time.
    export CFLAGS="-O2 -g0 -fwrapv -DNDEBUG"
    if [ "$cuda" = 0 ]; then
        export CUDA_VISIBLE_DEVICES=
        # Parsing torch's headers is most of the rest: once for all files.
        header=mmcv/ops/csrc/common/pytorch_cpp_helper.hpp
        read -ra include < <("$python" - <<'END'
import os, sys, sysconfig
from torch.utils.cpp_extension import include_paths
paths = [*include_paths(), os.path.join(sys.prefix, 'include')]
print(*(f'-I{p}' for p in [*paths, sysconfig.get_path('include')]))
END
)
        # shellcheck disable=SC2086
        g++ $CFLAGS -fPIC "-I$PWD/mmcv/ops/csrc/common" "${include[@]}" \
            "-std=c++$standard" -DTORCH_API_INCLUDE_EXTENSION_H \
            -DTORCH_EXTENSION_NAME=_ext -x c++-header "$header" \
            -o "$header.gch"
    fi
    log=$folder/$key.log
    "$python" -m pip wheel --no-cache-dir --no-build-isolation --no-deps . \
        --wheel-dir "$build/wheel" > "$log" 2>&1 ||
        { tail -n 30 "$log"; echo "error: see $log"; exit 1; }
    wheel=$(find "$build/wheel" -name '*.whl')
    "$python" - "$wheel" <<'END' || { echo "error: see $log"; exit 1; }
import sys
from zipfile import ZipFile
names = ZipFile(sys.argv[1]).namelist()
if not any(name.startswith('mmcv/_ext.') for name in names):
    sys.exit(f'error: {sys.argv[1]} has no operators')
END
    mkdir -p "$kept"
    mv "$wheel" "$kept/"
    rm "$log"
    wheel=$kept/$(basename "$wheel")
    unset PYTHONPATH
fi

if [ "$name" = mmcv ]; then
    "$python" -m pip uninstall --quiet --yes mmcv-lite
fi
"$python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
cd /
"$python" -c 'import torch, mmcv._ext; print("operators:", mmcv._ext.__file__)'
