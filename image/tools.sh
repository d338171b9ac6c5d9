#!/bin/sh
# Makes /tools/uv, which installs, and /tools/build: the build backend, and what lists an environment's contents.
set -eu
. /tools/settings.sh
python3 -m venv /tools/uv
/tools/uv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/tools.txt
python3 -m venv --without-pip /tools/build
/tools/uv/bin/uv pip sync --quiet --python /tools/build/bin/python --require-hashes --only-binary :all: \
  requirements/build.txt
