#!/usr/bin/env bash
# Makes the archives that people unpack and start: build/release.sh VERSION [RID...], where a RID is linux-x64, win-x64, win-arm64 or osx-arm64
# (all of them when none is named). They are put into artifacts/release with SHA256SUMS. Two runs on one commit give the same bytes.
# Needs the .NET SDK, zip, tar and zstd, and strip of binutils for Linux.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C TZ=UTC

[ $# -ge 1 ] || { echo "usage: build/release.sh VERSION [RID...]" >&2; exit 2; }
version=${1#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "'$1' is no version; those look like 1.2.3 or 1.2.3-rc.1." >&2; exit 2; }
shift
all=(linux-x64 win-x64 win-arm64 osx-arm64)
rids=("${@:-${all[@]}}")
[ $# -gt 0 ] || rids=("${all[@]}")
for rid in "${rids[@]}"; do
  [[ " ${all[*]} " == *" $rid "* ]] || { echo "There is no libtorch for '$rid'; archives can be made for ${all[*]}." >&2; exit 2; }
done
for tool in zip tar zstd; do command -v $tool >/dev/null || { echo "$tool is not installed." >&2; exit 1; }; done

out=artifacts/release
moment=$(git log -1 --format=%ct) # the files' time: that of the commit
mkdir -p $out

for rid in "${rids[@]}"; do
  name=easel-$version-$rid
  folder=$out/$name
  rm -rf "$folder"
  echo "== $name"
  # Each system has folders of its own for what is between, since a restore for one is none for another.
  dotnet publish src/Easel.Cli -c Release -r "$rid" --self-contained true -o "$folder" -v q \
    -p:Version="$version" -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false -p:PublishReadyToRun=true

  if [ "$rid" = linux-x64 ]; then
    strip --strip-unneeded "$folder/libtorch_cpu.so" # a fifth of the file is symbols that nothing asks for
    cp build/archive/start.sh build/archive/easel.desktop "$folder"
  elif [ "$rid" = osx-arm64 ]; then
    cp "build/archive/Start Easel.command" "$folder"
  fi
  sed "s/@VERSION@/$version/" build/archive/README.txt > "$folder/README.txt"
  case $rid in win-*) sed -i 's/$/\r/' "$folder/README.txt" ;; esac

  find "$folder" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  for program in easel easel.exe start.sh "Start Easel.command"; do [ ! -f "$folder/$program" ] || chmod 755 "$folder/$program"; done
  find "$folder" -exec touch -h -d "@$moment" {} +

  rm -f "$out/$name.zip" "$out/$name.tar.zst"
  (cd $out && find "$name" | sort | zip -X -q -9 -@ "$name.zip")
  if [ "$rid" = linux-x64 ]; then
    tar -C $out --sort=name --mtime="@$moment" --owner=0 --group=0 --numeric-owner --format=gnu -cf - "$name" | zstd -q -15 --long=27 -T2 -o "$out/$name.tar.zst"
  fi
done

(cd $out && sha256sum -- *.zip *.tar.zst 2>/dev/null > SHA256SUMS || true)
ls -l $out/*.zip $out/*.tar.zst 2>/dev/null
