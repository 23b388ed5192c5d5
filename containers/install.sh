#!/bin/sh
# Installs glassdask from the folder /src into /opt/glassdask, with the versions that the tests were run
# with. The Dockerfile and glassdask.def run it. EXTRAS: extras of pyproject.toml.
set -eu
python3 -m venv /opt/glassdask
cd /src
pip() { /opt/glassdask/bin/python -m pip install --no-cache-dir --disable-pip-version-check -c constraints.txt "$@"; }
pip --upgrade pip
pip ".[$EXTRAS]"
/opt/glassdask/bin/python -P -m glassdask.physics.compiling
