#!/bin/bash
# gpu-check.sh - checks and times cnntools on a GPU, the most valuable results first
#
#   ./gpu-check.sh [--first] [--full] [OPTION...] [PART...]
#
# --first takes at most 170 s: the machine, each kernel against the reference, 20 steps
# compared with the CPU's, epochs in fp16, hardware counters, the start time, PyTorch.
# --full takes at most 280 s: exact bytes, accuracies, compute-sanitizer, all precisions
# and batch sizes, the time to 99 %. With neither option, both run, --first first.
#
# Writes report.tsv (key, value, unit, detail), check.log and kernels.tsv to a folder,
# each line as soon as it is known. The exit status is 0 if every check passed, 1 if one
# failed or had no result, 3 if there is no GPU. A missed speed is reported, but is not
# a failure. README.md explains the lines.
#
#   -o, --output FOLDER      the folder for the report (gpu-report)
#       --plugins FOLDER     use the plugins of FOLDER/cuda in place of the bundle's
#       --plugins NAME=FOLDER  also time these plugins; may be given several times
#       --build SOURCE       build the plugins of this source tree and use them
#   -q, --quick              use tiny sizes, to test the script; times mean nothing
#   -h, --help               print this and exit
#   PART                     run only this part:
#                            facts conformance trajectory epochs kernels starts peer
#                            exact training from_start epochs_all peers sanitize
#                            exact_library conformance_cudnn library profile compiled
#                            ratios
#
# GPU_CHECK_PYTHON is the Python that has torch, or `none`. GPU_CHECK_TORCH_DEVICE is
# the device that torch uses (cuda). GPU_CHECK_LIMIT limits the seconds of each command.
# shellcheck source-path=SCRIPTDIR
set -u
export LC_ALL=C
umask 022

# shellcheck source=env.sh
. "$(dirname "$0")/env.sh"
for file in report facts correct speed peers; do
	# shellcheck source=/dev/null
	. "$bundle/$file.sh"
done

die() {
	echo "gpu-check.sh: $*" >&2
	exit 2
}

first_parts=(facts conformance trajectory epochs kernels starts peer)
full_parts=(exact training from_start epochs_all peers sanitize exact_library
	conformance_cudnn library profile compiled ratios)
first_seconds=170 full_seconds=280

first='' full='' quick='' folder=gpu-report replacement='' source=''
variants=() variant_folders=() parts=()
while [ $# -gt 0 ]; do
	case $1 in
	--first) first=yes ;;
	--full) full=yes ;;
	-q | --quick) quick=yes ;;
	-o | --output) [ $# -gt 1 ] || die "$1: a folder is missing"; folder=$2 && shift ;;
	--build) [ -f "${2-}/Makefile" ] || die "$1: ${2:-no argument}: not a source tree"; source=$(cd "$2" && pwd) && shift ;;
	--plugins)
		case ${2-} in
		*=*) variants+=("${2%%=*}") && variant_folders+=("${2#*=}") ;;
		*) replacement=${2-} ;;
		esac
		[ -d "${2#*=}/cuda" ] || die "$1: ${2-}: not a folder with cuda/ in it"
		shift ;;
	-h | --help) sed -n '/^# shellcheck/q; 2,$s/^# \{0,1\}//p' "$0" && exit ;;
	-*) die "$1: no such option; --help lists them" ;;
	*)
		[[ " ${first_parts[*]} ${full_parts[*]} " == *" $1 "* ]] ||
			die "$1: no such part; --help lists them"
		parts+=("$1") ;;
	esac
	shift
done
for name in "${variants[@]}"; do
	case $name in
	'' | *[!a-z0-9-]* | all | own | library | tuned)
		die "--plugins: $name: a name has lower-case letters, digits and hyphens, and is not all, own, library or tuned" ;;
	esac
done
[ -z "$source" ] || [ -z "$replacement" ] || die "--build and --plugins FOLDER exclude each other"
[ "$first$full" ] || first=yes full=yes

# --- sizes -----------------------------------------------------------------------------

# Read by the files of the parts.
# shellcheck disable=SC2034
sizes() {
	batches=(128 512 1024) rounds=3 start_rounds=5 profile_steps=200
	epochs_skipped=4 torch_epochs=3 torch_device=${GPU_CHECK_TORCH_DEVICE:-cuda}
	trajectory_steps=20 trajectory_batch=64 exact_steps=100
	conformance_limit=45 sanitizer_limit=40
	seeds=3 epochs=10 train_batch=64 goal=99.0 start_goal=0.99
	range=: train_count=60000 test_count=10000
}

# shellcheck disable=SC2034
quick_sizes() {
	batches=(16) rounds=1 start_rounds=2 profile_steps=4
	epoch_count=([16]=2) epoch_goal=() epochs_skipped=1 torch_epochs=1
	trajectory_steps=4 trajectory_batch=8 exact_steps=4
	conformance_limit=120
	seeds=1 epochs=1 train_batch=16 goal=0 start_goal=0
	range=:24 train_count=24 test_count=24
}

declare -A epoch_count=([128]=16 [512]=40 [1024]=60) epoch_goal=([128]=35 [512]=13 [1024]=9.5)
sizes
[ -z "$quick" ] || quick_sizes

# --- a place to work ----------------------------------------------------------------------

work=''
clean_up() {
	local jobs
	jobs=$(jobs -p)
	# shellcheck disable=SC2086  # a list of numbers
	[ -z "$jobs" ] || kill $jobs 2> /dev/null
	[ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# A tool uses the plugins of its own installation. So the work folder has a copy of the
# bundle's tools, a tree, for each set of plugins: all, with every plugin; own, with
# only our kernels; and one for each --plugins NAME. (The set `library` is the tree all
# with an option: cuDNN's convolutions wherever cuDNN can compute them.) Plugins are
# copied because the loader requires that the user owns them.
plugins=lib/cnntools/plugins

# take FOLDER TREE: copies the plugins of each provider that TREE does not have yet
take() {
	local provider name
	for provider in "$1"/*/*/; do
		name=${provider#"$1"/}
		[ ! -d "$2/$name" ] || continue
		mkdir -p "$2/$name"
		cp "$provider"*.so "$2/$name/" 2> /dev/null || rmdir "$2/$name"
	done
}

# tree NAME [FOLDER]: makes a tree with the tools, the plugins in FOLDER, and the
# bundle's plugins of other providers
tree() {
	mkdir -p "$work/$1/$plugins"
	cp -R --no-preserve=mode "$bundle/bin" "$work/$1/bin"
	chmod +x "$work/$1/bin"/*
	[ -z "${2-}" ] || take "$2" "$work/$1/$plugins"
	mkdir -p "$work/bundle"
	unpack "$work/bundle" && take "$work/bundle/plugins" "$work/$1/$plugins"
	rm -rf "$work/bundle"
}

# find_program NAME: its path, also if it is in a folder of CUDA's outside PATH
find_program() {
	local cuda=${CUDA:-/usr/local/cuda} ncu
	ncu=$(printf '%s\n' /opt/nvidia/nsight-compute/*/ncu | tail -n 1)
	PATH=$PATH:$cuda/bin:$cuda/compute-sanitizer:${ncu%/ncu} command -v "$1"
}

# Works in memory, so that no disk affects the times, if programs may run there and it
# is large enough. In a container, /dev/shm may have only 64 MiB.
wanted=400
free_in() {
	df -Pm "$1" 2> /dev/null | awk 'NR == 2 { m = $4 } END { print m + 0 }'
}
for place in /dev/shm "${TMPDIR:-/tmp}"; do
	[ "$(free_in "$place")" -ge $wanted ] || continue
	work=$(mktemp -d -p "$place" gpu-check.XXXXXX 2> /dev/null) || continue
	tree all "$replacement" 2> /dev/null &&
		"$work/all/bin/cnn-init" --version > /dev/null 2>&1 && break
	rm -rf "$work"
done
[ -d "$work" ] || { echo "gpu-check.sh: no work folder with $wanted MiB free where programs may run" >&2 && exit 1; }

# --- is there a GPU? -----------------------------------------------------------------------

there=$(timeout 40 "$work/all/bin/cnn-info" --devices 2>&1 |
	awk '$2 ~ /^cuda/ { sub(/^device +cuda[^ ]* */, ""); print; exit }')
case $there in
none:* | '')
	there=${there#none: }
	if ! timeout 40 nvidia-smi -L > /dev/null 2>&1; then
		echo "gpu-check.sh: no GPU: ${there//"$work/all/"/}" >&2
		exit 3
	fi ;;
esac

mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)
report=$folder/report.tsv log=$folder/check.log
printf 'key\tvalue\tunit\tdetail\n' > "$report"
: > "$log"
rm -f "$folder/kernels.tsv"
part=begin deadline=$first_seconds
[ "$first" ] || deadline=$full_seconds

# --- PyTorch begins to import ----------------------------------------------------------------

python=''
for candidate in ${GPU_CHECK_PYTHON:-python3 /usr/bin/python3}; do
	if "${on_machine[@]}" "$candidate" -c 'import importlib.util as u, sys
sys.exit(u.find_spec("torch") is None)' 2> /dev/null; then
		python=$candidate
		break
	fi
done

# in_parts PART: true if it is to run
in_parts() {
	[[ " ${parts[*]} " == *" $1 "* ]]
}
if [ ${#parts[@]} = 0 ]; then
	[ -z "$first" ] || parts+=("${first_parts[@]}")
	[ -z "$full" ] || parts+=("${full_parts[@]}")
else
	deadline=$((first_seconds + full_seconds)) first='' full=''
fi
! in_parts peer || begin_peer first 60 eager,graph "${batches[0]}" fp16

# --- plugins -------------------------------------------------------------------------------------

# Builds the source tree's plugins for this card, to try a change.
build() {
	local nvcc toolkit arch
	nvcc=$(find_program nvcc) || { log "no nvcc" && return 1; }
	nvcc=$(realpath "$nvcc")
	toolkit=$(dirname "$(dirname "$nvcc")")
	arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>> "$log" | awk 'NR == 1 { gsub(/[^0-9]/, ""); print }')
	run 100 make -s -C "$source" -j"$(nproc)" BUILD="$work/built" CUDA="$toolkit" NVCC="$nvcc" \
		CUDA_ARCHS="${arch:-90}" cuda >> "$log" 2>&1
}
plugins_are=${replacement:+the plugins of $replacement}
if [ "$source" ]; then
	if build; then
		replacement=$work/built/plugins
		plugins_are="plugins built here from $(git -C "$source" describe --always --dirty 2> /dev/null || echo "$source")"
		rm -rf "${work:?}/all" && tree all "$replacement"
	fi
	check build "$([ "$plugins_are" ]; echo $?)" "in $SECONDS s: ${plugins_are:-make failed; the plugins of the bundle are used}"
fi

no_cudnn='' has_cudnn=''
# The plugins open cuDNN themselves. $cudnn is empty if this machine lacks it (env.sh).
if [ -e "$work/all/$plugins/cuda/cudnn/conv.so" ]; then
	if [ "$cudnn" ]; then has_cudnn=yes; else no_cudnn='no libcudnn.so.9'; fi
fi
[ "$has_cudnn" ] || rm -rf "${work:?}/all/$plugins/cuda/cudnn"
cp -R "$work/all" "$work/own"
rm -rf "$work/own/$plugins/cuda/cudnn"
for i in "${!variants[@]}"; do
	tree "${variants[i]}" "${variant_folders[i]}"
	[ "$has_cudnn" ] || rm -rf "${work:?}/${variants[i]}/$plugins/cuda/cudnn"
done
cp -R --no-preserve=mode "$bundle/tests" "$work/"
chmod +x "$work/tests/conformance"

# --- data ----------------------------------------------------------------------------------------

data() {
	local name seed field
	for name in train test; do
		run 30 tensor-cat --range "$range" "$bundle/data/$name.tns.xz" -o "$work/$name.tns" || return
		for field in image label; do
			run 20 tensor-cat --to idx -f $field "$work/$name.tns" -o "$work/$name-${field}s.idx"
		done
	done
	for seed in $(seq $((seeds > start_rounds ? seeds : start_rounds))); do
		run 20 cnn-init --seed "$seed" "$bundle/seed.net" -o "$work/$seed.cnn"
	done
}
data
check data $? "MNIST and the seed network, at $SECONDS s"

# A card without bf16 is not a failure.
amps=(off fp16 bf16)
no_bf16=$(timeout 20 "$work/all/bin/cnn-step" -q --device cuda --amp bf16 -n 1 --batch 8 \
	"$work/1.cnn" "$work/test.tns" -o "$work/out.cnn" 2>&1 | grep -o 'cuda:[0-9]*: .*bfloat16 needs .*')
if [ "$no_bf16" ]; then
	amps=(off fp16)
	omit bf16 "$no_bf16"
fi
# can AMP: true if the card supports it
can() {
	[[ " ${amps[*]} " == *" $1 "* ]]
}

# --- the parts ---------------------------------------------------------------------------------------

# After a time-out in these parts it is unknown if the results are right, so it fails.
correctness=' facts conformance trajectory exact training '
for part in "${parts[@]}"; do
	if [ "$full" ] && [ "$part" = "${full_parts[0]}" ]; then
		[ -z "$first" ] || { say seconds.first "$SECONDS" s "of $first_seconds" && deadline=$((first_seconds + full_seconds)); }
		begin_peers
	fi
	log "--- $part, at $SECONDS s"
	if [ "$(left)" -lt 1 ]; then
		omit "$part" "no time is left"
		[[ $correctness != *" $part "* ]] || unreached "check.$part" "no time is left"
		continue
	fi
	cd "$bundle" || exit 1
	"$part"
	is_dropped || continue
	show "dropped after a time-out: $part"
	[[ $correctness != *" $part "* ]] ||
		say "check.$part.in-time" fail - "dropped: $(awk -F '\t' -v key="timeout.$part" '$1 == key { print $4; exit }' "$report")"
done
say seconds "$SECONDS" s "of $deadline"

# --- the end ------------------------------------------------------------------------------------------

awk -F '\t' '$1 ~ /^check\./ && $2 != "pass" { print "  " $2 "  " substr($1, 7) ": " $4 }' "$report"
echo "$(count pass) passed, $(count fail check.) failed, $(count unreached) unreached, $(count left-out) left out; the report is in $folder"
[ $(($(count fail check.) + $(count unreached))) = 0 ]
