#!/usr/bin/env bash
# Makes the NuGet packages: build/packages.sh VERSION [--tool RID...]. They are put into artifacts/packages: Easel, Easel.Cpu, Easel.Sketch, Easel.Extensions.AI and
# Easel.Server with what that needs, and with --tool the command as a .NET tool for each RID named. REPOSITORY_URL gives the address that they name.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

[ $# -ge 1 ] || { echo "usage: build/packages.sh VERSION [--tool RID...]" >&2; exit 2; }
version=${1#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "'$1' is no version; those look like 1.2.3 or 1.2.3-rc.1." >&2; exit 2; }
shift
if [ "${1:-}" = --tool ]; then shift; else set --; fi

out=$PWD/artifacts/packages
url=${REPOSITORY_URL:-https://example.org/easel} # a placeholder: there is no public address yet
commit=$(git rev-parse HEAD)
mkdir -p "$out"
common=(-c Release -o "$out" -v q -p:Version="$version" -p:RepositoryUrl="$url" -p:PackageProjectUrl="$url" -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false)

for project in Easel Easel.Extensions.AI Easel.Hub Easel.Farm Easel.Server; do dotnet pack "src/$project" "${common[@]}"; done
version_of() { sed -n "s:.*<$1>\(.*\)</$1>.*:\1:p" Directory.Packages.props; } # the one place of versions
for package in Easel.Cpu Easel.Sketch ${1:+Easel.Tool}; do # the last one points to those of the systems
  dotnet pack "build/packages/$package/$package.nuspec" -o "$out" -v q -p:version="$version" -p:url="$url" -p:commit="$commit" \
    -p:libtorch="$(version_of LibTorchVersion)" -p:skia="$(version_of SkiaSharpVersion)"
done
for rid in "$@"; do dotnet pack src/Easel.Cli "${common[@]}" -p:EaselTool=true -r "$rid"; done
ls -l "$out"/*."$version".nupkg
