# Sourced by the scripts of test/system: where things are, a scratch folder, chance from the seed.
#   GNC=PATH           another gnc than build/bin/gnc
#   GNC_TEST_SCALE     sample (default) or full
#   GNC_TEST_SEED=N    what is drawn by chance
#   GNC_TEST_KEEP=1    leave the scratch folder, to look at a failure
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
gnc=$(realpath "${GNC:-build/bin/gnc}")
inputs=$PWD/test/system/Inputs
scale=${GNC_TEST_SCALE:-sample} seed=${GNC_TEST_SEED:-1}
RANDOM=$((seed % 32768))
export GNC_CACHE=${GNC_CACHE:-off} # the compiler is what is tested
work=$(mktemp -d)
if [[ -n ${GNC_TEST_KEEP:-} ]]; then echo "scratch folder: $work"; else trap 'rm -rf "$work"' EXIT; fi
[[ -x $gnc ]] || { echo "there is no $gnc: build it first" >&2; exit 1; }

# A script that compiles for cards begins with this: functions such as exp need libdevice.
need_toolkit() {
  local toolkit=${CUDA_HOME:-${CUDA_PATH:-/usr/local/cuda}}
  [[ -e $toolkit/nvvm/libdevice/libdevice.10.bc && -e $toolkit/include/nvrtc.h ]] || { echo "there is no CUDA toolkit"; exit 77; }
}

fail() { echo "FAILED: $* (seed $seed)" >&2; exit 1; }

# full N1 sample N2: the first in full scale, else the second.
by_scale() { [[ $scale == full ]] && echo "$1" || echo "$2"; }

# A chance number of seconds below $1 milliseconds. In $REPLY: a subshell would draw the same again.
draw_pause() { printf -v REPLY '%d.%03d' $((RANDOM % $1 / 1000)) $((RANDOM % $1 % 1000)); }

# step_of FILE [KEY]: a number of a checkpoint's header, "step" unless told.
step_of() { head -c 8192 "$1" | grep -aoE "\"${2:-step}\":\"[0-9]+\"" | head -1 | grep -oE '[0-9]+'; }

# same A B: what two trainings leave is the same, byte for byte.
same() {
  local file
  for file in last.safetensors best.safetensors log.csv; do
    cmp "$1/$file" "$2/$file" || fail "$3: $file differs from the undisturbed run's"
  done
  [[ -z $(ls "$1" | grep -vxE 'last.safetensors|best.safetensors|log.csv') ]] || fail "$3: left behind: $(ls "$1")"
}

# until_new_checkpoint PID FOLDER OLD: waits until last.safetensors is another file than OLD (as
# `identity` told it). False if the process ends first.
identity() { stat -c '%i %.9Z' "$1/last.safetensors" 2>/dev/null; }
until_new_checkpoint() {
  while kill -0 "$1" 2>/dev/null; do
    [[ $(identity "$2") != "$3" ]] && return 0
    sleep 0.005
  done
  return 1
}
