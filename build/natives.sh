#!/usr/bin/env bash
# Compares the native files of a Linux build with build/natives.txt, which holds name and SHA-256 of each; --write makes the list anew.
# What the .NET SDK makes itself (the program's own host) is not in it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=src/Easel.Cli/bin/${CONFIGURATION:-Debug}/net10.0
list() {
  find "$folder" -type f ! -name easel ! -name Easel.Cli -print0 | sort -z | while IFS= read -r -d '' file; do
    if [ "$(head -c 4 "$file" | od -An -tx1 | tr -d ' \n')" = 7f454c46 ]; then
      echo "$(sha256sum < "$file" | cut -d ' ' -f 1)  ${file#"$folder"/}"
    fi
  done
}
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "the native files of $(uname -sm) are not listed"; exit 0; }
if [ "${1:-}" = --write ]; then list > build/natives.txt; exit 0; fi
if ! diff <(list) build/natives.txt; then
  echo "The build holds native files (<) that are not those of build/natives.txt (>). Where a package was changed on purpose: build/natives.sh --write"
  exit 1
fi
