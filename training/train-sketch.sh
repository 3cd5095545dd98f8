#!/usr/bin/env bash
# train-sketch.sh MINUTES [FOLDER]: trains Sketch for so many minutes with the Python twin, on a GPU where there is one: the autoencoder if its way is not done
# (a third of the time), then diffusion for the rest. FOLDER (default: run beside this file) has the data set, sketch.data, and the states, and gets the new ones.
# With OUT set, what the run has learned is also left in $OUT in parts of 15 MB, and its log. FEW_STEPS=1: trains the few-step model instead, for all the time.
set -euo pipefail
minutes=${1:?minutes, please}
here=$(cd "$(dirname "$0")" && pwd)
run=${2:-$here/run}
export PYTHONUNBUFFERED=1
log=${OUT:-$run}/train-sketch.log
train() { python3 "$here/train.py" "$@" --data "$run/sketch.data" --run "$run" ${FLAGS:-} 2>&1 | tee -a "$log"; }
part() { python3 -c "print($minutes * $1)"; }
# whether the autoencoder's way is done, as its state says
done_with() { python3 -c "
import json, struct, sys
with open('$run/$1-state.safetensors', 'rb') as file:
    head = json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))
sys.exit(float(head['__metadata__'].get('progress', 0)) < 1)"; }
leave() {
    [ -n "${OUT:-}" ] && [ "$OUT" != "$run" ] && [ -f "$run/$1-small.safetensors" ] || return 0
    split --bytes=15M --numeric-suffixes --suffix-length=1 "$run/$1-small.safetensors" "$OUT/$1-small.safetensors."
}
join() { # parts that a run left go together again
    for whole in autoencoder diffusion few-steps; do
        if [ -f "$run/$whole-small.safetensors.0" ] && [ ! -f "$run/$whole-state.safetensors" ]; then
            cat "$run/$whole-small.safetensors."? > "$run/$whole-state.safetensors"
        fi
    done
}
join
if [ -n "${FEW_STEPS:-}" ]; then
    train few-steps --minutes "$minutes" --encode-minutes "$(part 0.2)"
    leave few-steps
    exit
fi
rest=$minutes
if ! done_with autoencoder; then
    train autoencoder --minutes "$(part 0.33)"
    rest=$(part 0.55)
fi
leave autoencoder
train diffusion --minutes "$rest" --encode-minutes "$(part 0.12)"
leave diffusion
