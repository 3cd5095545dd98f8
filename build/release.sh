#!/usr/bin/env bash
# Makes the archives that people unpack and start: build/release.sh [--check] VERSION [RID...], where a RID is linux-x64, win-x64, win-arm64 or osx-arm64
# (all of them when none is named). They are put into artifacts/release with SHA256SUMS and, beside each and in it, a list of what is inside (CycloneDX).
# Two runs on one commit give the same bytes: --check makes them a second time, from nothing and in another folder, and compares.
# Needs the .NET SDK, zip, tar and zstd, and strip of binutils for Linux.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C TZ=UTC

check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
[ $# -ge 1 ] || { echo "usage: build/release.sh [--check] VERSION [RID...]" >&2; exit 2; }
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

if [ -n "$check" ]; then
  # What git has, and nothing that was built here before.
  [ -z "$(git status --porcelain)" ] || { echo "There are changes that are not committed; --check compares what is." >&2; exit 2; }
  build/release.sh "$version" "${rids[@]}"
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  git clone -q . "$place/again"
  "$place/again/build/release.sh" "$version" "${rids[@]}"
  differ=
  for rid in "${rids[@]}"; do
    for file in artifacts/release/easel-"$version-$rid".*; do
      cmp -s "$file" "$place/again/$file" && echo "the same: $(basename "$file")" || { echo "not the same: $(basename "$file")"; differ=1; }
    done
    diff -rq "artifacts/release/easel-$version-$rid" "$place/again/artifacts/release/easel-$version-$rid" || true
  done
  [ -z "$differ" ] || exit 1
  exit 0
fi

out=artifacts/release
moment=$(git log -1 --format=%ct) # the files' time: that of the commit
mkdir -p $out

# The list of packages is made by a tool that is kept well, out of what was restored; nothing is asked of the network.
cyclonedx=6.3.1
bom=artifacts/tools/cyclonedx-$cyclonedx/dotnet-CycloneDX
[ -x $bom ] || dotnet tool install CycloneDX --version $cyclonedx --tool-path "$(dirname $bom)" > /dev/null

# The .NET runtime is inside too, and is no package that a project names.
with_runtime() { # FILE RID RUNTIMECONFIG
  awk -v time="$(date -u -d "@$moment" +%Y-%m-%dT%H:%M:%SZ)" -v rid="$2" -v config="$3" '
    BEGIN {
      while ((getline line < config) > 0) {
        if (match(line, /"name": "[^"]+"/)) name = substr(line, RSTART + 9, RLENGTH - 10)
        if (name != "" && match(line, /"version": "[^"]+"/)) { packs[++count] = name ".Runtime." rid "@" substr(line, RSTART + 12, RLENGTH - 13); name = "" }
      }
    }
    /^    "timestamp":/ { print "    \"timestamp\": \"" time "\","; next }
    { print }
    /^  "components": \[/ {
      for (i = 1; i <= count; i++) {
        split(packs[i], part, "@")
        printf "    {\n      \"type\": \"framework\",\n      \"bom-ref\": \"pkg:nuget/%s\",\n      \"name\": \"%s\",\n", packs[i], part[1]
        printf "      \"version\": \"%s\",\n      \"licenses\": [ { \"license\": { \"id\": \"MIT\" } } ],\n      \"purl\": \"pkg:nuget/%s\"\n    },\n", part[2], packs[i]
      }
    }' "$1" > "$1.part"
  mv "$1.part" "$1"
}

for rid in "${rids[@]}"; do
  name=easel-$version-$rid
  folder=$out/$name
  rm -rf "$folder"
  echo "== $name"
  # What was built for another system is not taken for this one's: the compiler's files do not say for which processor they were made, and what was compiled
  # ahead is looked at by its time alone. Without symbols, whose sources made by the compiler name the folder in which they were made.
  rm -rf src/*/obj/Release src/*/bin/Release
  dotnet publish src/Easel.Cli -c Release -r "$rid" --self-contained true -o "$folder" -v q \
    -p:Version="$version" -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false -p:PublishReadyToRun=true -p:DebugType=none

  if [ "$rid" = linux-x64 ]; then
    strip --strip-unneeded "$folder/libtorch_cpu.so" # a fifth of the file is symbols that nothing asks for
    cp build/archive/start.sh build/archive/easel.desktop src/Easel.Server/Page/Assets/icon.svg "$folder"
    mv "$folder/icon.svg" "$folder/easel.svg"
  elif [ "$rid" = osx-arm64 ]; then
    cp "build/archive/Start Easel.command" "$folder"
  fi
  sed "s/@VERSION@/$version/" build/archive/README.txt > "$folder/README.txt"
  case $rid in win-*) sed -i 's/$/\r/' "$folder/README.txt" ;; esac

  $bom src/Easel.Cli/Easel.Cli.csproj -dpr -ns -rt "$rid" -sn easel -sv "$version" -spv 1.6 -F Json -o $out -fn "$name.cdx.json" > /dev/null
  with_runtime "$out/$name.cdx.json" "$rid" "$folder/Easel.Cli.runtimeconfig.json"
  cp "$out/$name.cdx.json" "$folder/sbom.cdx.json"

  find "$folder" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  for program in easel easel.exe start.sh "Start Easel.command"; do [ ! -f "$folder/$program" ] || chmod 755 "$folder/$program"; done
  find "$folder" -exec touch -h -d "@$moment" {} +

  rm -f "$out/$name.zip" "$out/$name.tar.zst"
  (cd $out && find "$name" | sort | zip -X -q -9 -@ "$name.zip")
  if [ "$rid" = linux-x64 ]; then
    tar -C $out --sort=name --mtime="@$moment" --owner=0 --group=0 --numeric-owner --format=gnu -cf - "$name" | zstd -q -19 --long=27 -T2 -o "$out/$name.tar.zst"
  fi
done

(cd $out && sha256sum -- *.zip *.tar.zst *.cdx.json 2>/dev/null > SHA256SUMS || true)
ls -l $out/*.zip $out/*.tar.zst 2>/dev/null
