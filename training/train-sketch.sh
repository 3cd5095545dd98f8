#!/usr/bin/env bash
# train-sketch.sh MINUTES [FOLDER]: trains Sketch with the Python twin and is over after so many minutes, on a GPU where there is one: the autoencoder in the first
# 30% of them unless its way is done, then diffusion. FOLDER (default: run beside this file) has what `easel train prepare` makes, and gets the new states.
# With OUT set, the averages are left in $OUT every minute, in parts of 15 MiB, and the log; `train.py join` puts the parts together.
# FEW_STEPS=1: trains the few-step model for all the time, from the states that the first run left. FLAGS go to every stage.
set -euo pipefail
minutes=${1:?minutes, please}
here=$(cd "$(dirname "$0")" && pwd)
run=${2:-$here/run}
export PYTHONUNBUFFERED=1
began=$(date +%s.%N)
log=${OUT:-$run}/train-sketch.log
for file in sketch.data autoencoder-state.safetensors diffusion-state.safetensors; do
    [ -s "$run/$file" ] || { echo "$run/$file is missing; easel train prepare --out $run makes it" >&2; exit 1; }
done
train() { "${PYTHON:-python3}" "$here/train.py" "$@" --data "$run/sketch.data" --run "$run" ${FLAGS:-} 2>&1 | tee -a "$log"; }
# What fails once is tried again as plainly as can be, from what it left last.
careful() { train "$@" || { echo "once more, plainly" | tee -a "$log"; train "$@" --plain --batch 64; }; }
after() { "${PYTHON:-python3}" -c "print($began + $minutes * 60 * $1)"; }
progress() { "${PYTHON:-python3}" -c "
import json, struct
with open('$run/$1-state.safetensors', 'rb') as file:
    print(json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))['__metadata__'].get('progress', 0))"; }
"${PYTHON:-python3}" -c "
import torch
print('torch', torch.__version__, 'on', torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'the processor')" | tee -a "$log"
if [ -n "${FEW_STEPS:-}" ]; then
    careful few-steps --end "$(after 1)"
    exit
fi
case $(progress autoencoder) in
    1 | 1.0) ;;
    *) careful autoencoder --end "$(after 0.3)" ;;
esac
careful diffusion --end "$(after 1)"
