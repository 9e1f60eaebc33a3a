#!/usr/bin/env bash
# Do trainings in lanes have the bits on record on an ARM processor, too? QEMU plays one, in half an hour or more.
#
#     apt-get install qemu-user-static mmdebstrap
#     tests/on_arm.sh [FOLDER]
#
# FOLDER holds an ARM system of 1 GB, and the machine code; with the same one another run is shorter.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-$(mktemp -d)}
mkdir -p "$work"

# Debian 12 with its Python 3.11, unpacked and not installed, as nothing of it starts by itself.
if [ ! -d "$work/root" ]; then
    mmdebstrap --variant=extract --architectures=arm64 --include=python3,libstdc++6,zlib1g \
        bookworm "$work/root.new"
    mv "$work/root.new" "$work/root"
fi

# annx and what it needs, as wheels for that system.
rm -rf "$work/wheel" "$work/site"
python3 -m pip wheel -q --no-deps --wheel-dir "$work/wheel" .
python3 -m pip install -q --target "$work/site" --implementation cp --python-version 3.11 \
    --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
    --only-binary :all: "$(echo "$work"/wheel/*.whl)[test]"

export PYTHONPATH=$work/site PYTHONDONTWRITEBYTECODE=1 XDG_CACHE_HOME=$work/cache
exec qemu-aarch64-static -L "$work/root" "$work/root/usr/bin/python3" -m pytest -n 0 -p no:cacheprovider \
    tests/engine/lanes/test_{arithmetic,elementary,lane_training}.py -k "on_record or multiply or no_number or neighbours"
