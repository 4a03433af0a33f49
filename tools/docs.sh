#!/usr/bin/env bash
# Builds the documentation with the API reference into site/; a dead link, or a name that is not there, fails. Open
# site/index.html then. Makes or reuses .venv first, see setup_env.sh for its settings.
set -euo pipefail
# shellcheck source=tools/setup_env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup_env.sh"

setup_env dev
export NO_MKDOCS_2_WARNING=1 # the theme's, of a mkdocs that pyproject.toml does not ask for
# No --quiet: with it, mkdocs does not count the warnings that are to fail.
"$VENV/bin/python" -m mkdocs build
