#!/bin/sh
# Opens Easel's page in the browser. With --menu it puts Easel into this person's menu of programs, with its icon, and opens nothing.
cd "$(dirname "$0")" || exit 1
if [ "$1" = --menu ]; then
  share=${XDG_DATA_HOME:-$HOME/.local/share}
  # Quoted as the rules for these files have it: once for the command, and once more for the line.
  quoted=$(printf '%s' "$PWD/start.sh" | sed 's/\\/\\\\\\\\/g; s/["`$]/\\\\&/g; s/%/%%/g')
  mkdir -p "$share/applications" "$share/icons/hicolor/scalable/apps" || exit 1
  cp easel.svg "$share/icons/hicolor/scalable/apps/easel.svg" || exit 1
  { grep -v '^Exec=' easel.desktop && printf 'Exec="%s"\n' "$quoted"; } > "$share/applications/easel.desktop" || exit 1
  echo "Easel is in your menu of programs: $share/applications/easel.desktop"
  echo "Delete that file to take it out. After moving this folder, do the same again."
  exit
fi
exec ./easel start "$@"
