#!/usr/bin/env bash
# Makes the packages and tries them as a stranger would: the samples, copied to an empty folder with those packages as their only source of Easel, are built and
# run once, and one is published for Windows. A program of .NET 8 has to be refused.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.0.1-trial.$(date +%s) # a package of a version once seen is not looked at again
place=$(mktemp -d)
trap 'rm -rf "$place" artifacts/packages/*.'"$version"'.*nupkg' EXIT
build/packages.sh "$version" > "$place/pack.log" || { cat "$place/pack.log"; exit 1; }

cp -r samples "$place/samples"
find "$place/samples" \( -name bin -o -name obj \) -prune -exec rm -rf {} +
cd "$place/samples"
cat > nuget.config <<EOF
<configuration>
  <packageSources><add key="trial" value="$OLDPWD/artifacts/packages" /></packageSources>
</configuration>
EOF
export EaselVersion=$version
say() { echo "packages: $*"; }
fail() { echo "packages: $*" >&2; exit 1; }
is_picture() { [ -s "$1" ] && [ "$(od -An -tx1 -N4 "$1" | tr -d ' ')" = "$2" ]; }

dotnet build Console -v q
program=Console/bin/Debug/net10.0
"$program/Console" "a red apple" apple.png
[ "$(ls $program/runtimes/*/native/ | grep -cE 'torch_cpu')" -eq 1 ] || fail "a build holds the libtorch of more than one system"
[ -f $program/models/esrgan-slim-x4.safetensors ] || fail "the upscalers are not beside the program"
is_picture apple.png 89504e47 || fail "the console sample drew nothing"
say "the console sample drew; its folder takes $(du -sm $program | cut -f 1) MB"

dotnet build ChatTool -v q
ChatTool/bin/Debug/net10.0/ChatTool "Please draw an apple."
is_picture drawn.png 89504e47 || fail "the chat tool drew nothing"
say "the chat tool drew"

dotnet build MinimalApi -v q
MinimalApi/bin/Debug/net10.0/MinimalApi --urls http://127.0.0.1:0 > api.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$place" "$OLDPWD"/artifacts/packages/*.'"$version"'.*nupkg' EXIT
for _ in $(seq 120); do address=$(sed -n 's/.*Now listening on: //p' api.log); [ -n "$address" ] && break; sleep 0.5; done
curl -sS -o apple.webp "$address/picture?prompt=a+red+apple&seed=1"
is_picture apple.webp 52494646 || { cat api.log; fail "the web sample drew nothing"; }
[ "$(curl -s -o refused.json -w '%{http_code}' "$address/picture?prompt=x&seed=-5")" != 500 ] || fail "the web sample answered with an error of its own"
kill $server && wait $server || true
say "the web sample drew"

dotnet build Mounted -v q
Mounted/bin/Debug/net10.0/Mounted --urls http://127.0.0.1:0 > mounted.log 2>&1 &
server=$!
address=
for _ in $(seq 120); do address=$(sed -n 's/.*Now listening on: //p' mounted.log); [ -n "$address" ] && break; sleep 0.5; done
[ "$(curl -sS "$address/")" = "The page is at /easel/." ] || { cat mounted.log; fail "the application around the server does not answer"; }
curl -sS -o page.html "$address/easel/" # into a file: grep ends at what it finds, and curl would fail on what it has left to write
grep -q '<base href="/easel/"' page.html || { cat mounted.log; fail "the page is not below the path"; }
curl -sS -o drawn.json -H 'Content-Type: application/json' -d '{"prompt":"a red apple","seed":1,"steps":2}' "$address/easel/sdapi/v1/txt2img"
grep -q '"images":\["iVBOR' drawn.json ||
  { cat mounted.log; fail "the server inside of an application drew nothing"; }
kill $server && wait $server || true
say "the server drew inside of an application"

dotnet publish Console -r win-x64 --self-contained false -o windows -v q
[ -f windows/torch_cpu.dll ] && [ -f windows/libSkiaSharp.dll ] && [ ! -f windows/libtorch_cpu.so ] || fail "published for Windows it lacks libtorch"
say "published for win-x64 it holds the libtorch of Windows"

if dotnet publish Console -r linux-arm64 -o arm -v q > arm.log 2>&1; then fail "linux-arm64 was published, for which there is no libtorch"; fi
grep -q "There is no libtorch for 'linux-arm64'" arm.log || { cat arm.log; fail "linux-arm64 is not refused in a sentence"; }
say "linux-arm64 is refused: $(grep -o "There is no libtorch[^[]*" arm.log | head -n 1)"

if dotnet restore Console -p:TargetFramework=net8.0 > net8.log 2>&1; then fail "a program of .NET 8 was not refused"; fi
grep -q NU1202 net8.log || { cat net8.log; fail "a program of .NET 8 is not told why"; }
say "a program of .NET 8 is refused: NU1202"
