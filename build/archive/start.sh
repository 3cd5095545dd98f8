#!/bin/sh
# Opens Easel's page in the browser.
cd "$(dirname "$0")" || exit 1
exec ./easel start "$@"
