#!/bin/sh
# Brings /opt/mintwatch to what a requirement file says, without what never runs.
set -eu
. /tools/settings.sh
python=/opt/mintwatch/bin/python
[ -e "$python" ] || python3 -m venv --without-pip /opt/mintwatch
/tools/uv/bin/uv pip install --quiet --python "$python" --require-hashes --only-binary :all: -r "$1"
"$python" -I /tools/trim.py /opt/mintwatch
