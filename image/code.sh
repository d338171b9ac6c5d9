#!/bin/sh
# Installs the wheel into /opt/mintwatch, and lists what that holds now.
set -eu
python=/opt/mintwatch/bin/python
/tools/uv/bin/uv pip install --quiet --no-cache --offline --no-deps --python "$python" /wheel/*.whl
"$python" -I /tools/trim.py /opt/mintwatch
/tools/build/bin/cyclonedx-py environment "$python" --pyproject /wheel/pyproject.toml --mc-type application \
  --output-reproducible --no-validate --of JSON -o /opt/mintwatch/sbom.cdx.json
rm -f /opt/mintwatch/.lock
