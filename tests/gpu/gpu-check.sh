#!/bin/bash
# gpu-check.sh - everything there is to see on a machine with a GPU, in one run
#
#   ./gpu-check.sh [--quick] [-o FOLDER] [PART...]      (FOLDER: gpu-report)
#
# Checks every provider against ref, the trained bytes and losses, the accuracy, and
# memory accesses; times epochs and starts beside PyTorch's. Writes report.tsv, lines
# of key, value, unit and detail, and check.log to FOLDER. Takes under 8 minutes; what
# there was no time for, or no program, is reported as left out.
#
# Exits 0 if all correctness checks passed, 1 if one failed or there was no time for it,
# 3 where there is no GPU. A speed that was missed is in the report, and no failure.
#
#   --quick              tiny sizes: whether the script works, not what is fast
#   PART                 facts conformance trajectory training sanitize epochs peers
#                        from_start starts profile compiled tuning compiled_rest
#                        ratios; without one, all of them in this order
#   GPU_CHECK_DEVICE     cuda, or cpu to try the script where there is no GPU
#   GPU_CHECK_PLUGINS    a folder whose plugins stand for the bundle's
#   GPU_CHECK_PYTHON     the Python that has torch, or `none`
#   GPU_CHECK_SECONDS    the budget (460)
# shellcheck source-path=SCRIPTDIR
set -u
export LC_ALL=C
umask 022

# shellcheck source=env.sh
. "$(dirname "$0")/env.sh"
# shellcheck source=report.sh
. "$bundle/report.sh"
# shellcheck source=correct.sh
. "$bundle/correct.sh"
# shellcheck source=speed.sh
. "$bundle/speed.sh"

quick='' folder=gpu-report device=${GPU_CHECK_DEVICE:-cuda}
budget=${GPU_CHECK_SECONDS:-460}
while [ $# -gt 0 ]; do
	case $1 in
	-q | --quick) quick=yes ;;
	-o) folder=${2:?-o: a folder is wanted} && shift ;;
	-h | --help) sed -n '/^# shellcheck/q; 2,$s/^# \{0,1\}//p' "$0" && exit ;;
	-*) echo "gpu-check.sh: $1: no such option; --help lists them" >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done
all_parts=(facts conformance trajectory training sanitize epochs peers from_start starts
	profile compiled tuning compiled_rest ratios)
for part; do
	case " ${all_parts[*]} " in
	*" $part "*) ;;
	*) echo "gpu-check.sh: $part: no such part; --help lists them" >&2 && exit 2 ;;
	esac
done
[ $# -gt 0 ] || set -- "${all_parts[@]}"
case $device in
cuda) own=native library=cudnn ;;
cpu) own=ref library=onednn ;;
*) echo "gpu-check.sh: GPU_CHECK_DEVICE: cuda or cpu is wanted" >&2 && exit 2 ;;
esac

# --- sizes -----------------------------------------------------------------------------

# How long the runs are from which one epoch is taken: about 0.7 s at the aim.
declare -A more_epochs=([128]=20 [512]=50 [1024]=70) epoch_goal=([128]=35 [512]=13 [1024]=9.5)
batches=(128 512 1024) rounds=5 start_rounds=9 profile_steps=200
trajectory_steps=100 trajectory_batch=64
seeds=5 epochs=10 train_batch=64 goal=99.2 start_goal=0.99
range=: test_count=10000
if [ "$quick" ]; then
	more_epochs=([16]=1) epoch_goal=()
	batches=(16) rounds=2 start_rounds=2 profile_steps=4
	trajectory_steps=4 trajectory_batch=8
	seeds=2 epochs=1 train_batch=16 goal=0 start_goal=0
	range=:24 test_count=24
fi

# --- trees ------------------------------------------------------------------------------

# A tool takes the plugins that lie beside it. So the bundle's tools stand in trees of
# the work folder: with all plugins; with our own kernels alone; and with the library's
# (cuDNN's) convolutions in the place of ours. Copies, so that they are the user's own,
# as the loader wants.

# take FOLDER TREE: the plugins in FOLDER of devices that TREE has none for
take() {
	local had provider name
	had=$(ls "$2")
	for provider in "$1"/*/*/; do
		name=${provider#"$1"/}
		! grep -qx "${name%%/*}" <<< "$had" || continue
		mkdir -p "$2/$name"
		cp "$provider"*.so "$2/$name/" 2> /dev/null || rmdir "$2/$name"
	done
}

# tree NAME: with all plugins
tree() {
	mkdir -p "$work/$1/lib/cnntools/plugins"
	cp -R --no-preserve=mode "$bundle/bin" "$work/$1/bin"
	chmod +x "$work/$1/bin"/*
	[ -z "${GPU_CHECK_PLUGINS-}" ] || take "$GPU_CHECK_PLUGINS" "$work/$1/lib/cnntools/plugins"
	mkdir -p "$work/bundle"
	unpack "$work/bundle" && take "$work/bundle/plugins" "$work/$1/lib/cnntools/plugins"
	rm -rf "$work/bundle"
}

remove_work() {
	[ -z "$work" ] || rm -rf "$work"
}
trap remove_work EXIT
trap 'exit 1' INT TERM

# In memory if programs may run there, and it is large enough: a container's may have
# 64 MiB. So no disk shows in what is timed.
wanted=400
free_in() {
	df -Pm "$1" 2> /dev/null | awk 'NR == 2 { m = $4 } END { print m + 0 }'
}
work=''
for place in /dev/shm "${TMPDIR:-/tmp}"; do
	[ "$(free_in "$place")" -ge $wanted ] || continue
	work=$(mktemp -d -p "$place" gpu-check.XXXXXX 2> /dev/null) || continue
	tree all 2> /dev/null && "$work/all/bin/cnn-init" --version > /dev/null 2>&1 && break
	remove_work
done
[ -d "$work" ] || { echo "gpu-check.sh: no folder to work in where programs may run and $wanted MiB are free" >&2 && exit 1; }

plugins=lib/cnntools/plugins
providers=() missing=''
if [ -d "$work/all/$plugins/$device/$library" ] && [ "$library" = cudnn ] &&
	[ -z "$cudnn" ] && [ -z "${GPU_CHECK_PLUGINS-}" ]; then
	missing="no libcudnn.so.9 here: $own alone is checked"
	rm -rf "${work:?}/all/$plugins/$device/$library"
fi
for provider in "$own" "$library"; do
	[ ! -d "$work/all/$plugins/$device/$provider" ] || providers+=("$provider")
done
cp -R "$work/all" "$work/own"
rm -rf "$work/own/$plugins/$device/$library"
trees=(all)
if [ -e "$work/all/$plugins/$device/$library/conv2d.so" ]; then
	trees=(all own library)
	cp -R "$work/all" "$work/library"
	rm -f "$work/library/$plugins/$device/$own"/*conv2d*.so
fi
cp -R --no-preserve=mode "$bundle/tests" "$work/"
chmod +x "$work/tests/conformance"

# --- is there a GPU? -----------------------------------------------------------------------

there=$("$work/all/bin/cnn-info" --devices 2>&1 | awk '$2 ~ /^cuda/ { sub(/^device +cuda[^ ]* */, ""); print; exit }')
case $device:$there in
cuda:none:* | cuda:)
	there=${there#none: }
	if ! nvidia-smi -L > /dev/null 2>&1; then
		echo "gpu-check.sh: no GPU: ${there//"$work/all/"/}" >&2
		exit 3
	fi
	;;
esac

python=''
for candidate in ${GPU_CHECK_PYTHON:-python3 /usr/bin/python3}; do
	if "${on_machine[@]}" "$candidate" -c 'import importlib.util as u, sys
sys.exit(u.find_spec("torch") is None)' 2> /dev/null; then
		python=$candidate
		break
	fi
done

# --- all of it --------------------------------------------------------------------------------

mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)
report=$folder/report.tsv log=$folder/check.log
printf 'key\tvalue\tunit\tdetail\n' > "$report"
: > "$log"

data() {
	local part field
	for part in train test; do
		run 60 tensor-cat --range "$range" "$bundle/data/$part.tns.xz" -o "$work/$part.tns" || return
		for field in image label; do
			run 60 tensor-cat --to idx -f $field "$work/$part.tns" -o "$work/$part-${field}s.idx"
		done
	done
	for part in $(seq "$seeds"); do
		run 60 cnn-init --seed "$part" "$bundle/seed.net" -o "$work/$part.cnn"
	done
}

if ! data; then
	check data 1 "the bundle's data are not to be read: see the log"
	exit 1
fi
# What the card can't do is no failure of ours.
amps=(off fp16 bf16)
no_bf16=$(timeout 60 "$work/all/bin/cnn-step" -q --device "$device" --amp bf16 -n 1 --batch 8 \
	"$work/1.cnn" "$work/test.tns" -o "$work/out.cnn" 2>&1 | grep -o 'cuda:[0-9]*: .*bfloat16 needs .*')
[ -z "$no_bf16" ] || amps=(off fp16)
# can AMP
can() {
	[[ " ${amps[*]} " == *" $1 "* ]]
}

for part; do
	log "--- $part, at $SECONDS s"
	cd "$bundle" || exit 1
	"$part"
	if [ "$part" = facts ]; then
		[ -z "$no_bf16" ] || omit bf16 "$no_bf16"
		[ -z "$missing" ] || omit "conformance.$library" "$missing"
		[ "$failed" = 0 ] || break
	fi
done
say seconds "$SECONDS" s "of $budget"

echo "$passed passed, $failed failed, $unreached not reached; report.tsv and check.log are in $folder"
[ $((failed + unreached)) = 0 ]
