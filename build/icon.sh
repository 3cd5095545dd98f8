#!/usr/bin/env bash
# Makes every form of the icon out of the one drawing, src/Easel.Server/Page/Assets/icon.svg: those of the page, of the packages and of Windows. What it makes is
# committed; run it when the drawing changes. Needs rsvg-convert (librsvg2-bin).
set -euo pipefail
cd "$(dirname "$0")/.."
page=src/Easel.Server/Page/Assets drawing=src/Easel.Server/Page/Assets/icon.svg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rsvg-convert -w 128 -h 128 $drawing -o docs/images/icon.png
rsvg-convert -w 192 -h 192 $drawing -o $page/icon-192.png
# Phones cut this one to a shape of theirs: a ground that reaches the edge, and the drawing well inside.
sed 's:<svg[^>]*>:&<path d="M0 0h32v32H0z" fill="#f6f5f1"/><g transform="translate(6 6.2) scale(.625)">:; s:</svg>:</g></svg>:' $drawing > "$work/ground.svg"
rsvg-convert -w 512 -h 512 "$work/ground.svg" -o $page/icon-512.png

# An .ico file: a list of pictures, and the pictures as they are.
little() { local n=$1 i; for ((i = 0; i < $2; i++)); do printf "\\x$(printf %02x $((n & 255)))"; n=$((n >> 8)); done; } # NUMBER BYTES
sides=(16 24 32 48 64 256)
for side in "${sides[@]}"; do rsvg-convert -w "$side" -h "$side" $drawing -o "$work/$side.png"; done
{
  little 0 2; little 1 2; little ${#sides[@]} 2
  at=$((6 + 16 * ${#sides[@]}))
  for side in "${sides[@]}"; do
    bytes=$(stat -c %s "$work/$side.png")
    little $((side & 255)) 1; little $((side & 255)) 1; little 0 2; little 1 2; little 32 2; little "$bytes" 4; little $at 4
    at=$((at + bytes))
  done
  for side in "${sides[@]}"; do cat "$work/$side.png"; done
} > build/archive/easel.ico
