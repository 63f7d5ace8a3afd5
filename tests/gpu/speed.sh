# speed.sh - sourced by gpu-check.sh: how fast, and how fast the peers are
# shellcheck shell=bash
# shellcheck disable=SC2154  # device, quick, trees, work … and the sizes: gpu-check.sh's

# --- an epoch ------------------------------------------------------------------------

# epoch KEY TREE BATCH AMP [OPTION...]: ms an epoch. Runs of several epochs less runs
# of one: what a start costs drops out.
epoch() {
	local key=$1 tree=$2 batch=$3 amp=$4 round one more=${more_epochs[$3]}
	shift 4
	room "$key" 12 || return
	cd "$work" || return
	: > rounds.ms
	for round in $(seq "$rounds"); do
		clock step "$tree" --epochs 1 --batch "$batch" --amp "$amp" "$@" \
			1.cnn train.tns -o out.cnn >> "$log" || continue
		one=$took
		clock step "$tree" --epochs $((more + 1)) --batch "$batch" --amp "$amp" "$@" \
			1.cnn train.tns -o out.cnn >> "$log" || continue
		awk -v one="$one" -v all="$took" -v n="$more" 'BEGIN { print (all - one) / n }' >> rounds.ms
	done
	timing "$key" rounds.ms "$((more + 1)) epochs less 1"
}

epochs() {
	local amp batch name ms
	# Clocks rise under load.
	step all --epochs 3 --amp fp16 "$work/1.cnn" "$work/train.tns" -o "$work/out.cnn" >> "$log"
	for amp in fp16 off bf16; do
		can $amp || continue
		for batch in "${batches[@]}"; do
			name=b$batch.${amp/off/f32}
			epoch "time.epoch.$name" all "$batch" "$amp" || continue
			[ "${epoch_goal[$batch]-}" ] || continue
			ms=$(value "time.epoch.$name") || continue
			target "epoch.$name" "$ms" most "${epoch_goal[$batch]}" ms
		done
	done
}

# --- PyTorch -------------------------------------------------------------------------

commas() {
	local IFS=,
	echo "$*"
}

# peer SECONDS MODES BATCHES PRECISIONS: their lines into the report
peer() {
	local limit=$1 key value unit detail
	shift
	while IFS=$'\t' read -r key value unit detail; do
		say "$key" "$value" "$unit" "$detail"
		show "$(printf '%-34s %9s %s  (%s)' "$key" "$value" "$unit" "$detail")"
	done < <(run "$limit" "${on_machine[@]}" PYTHONUNBUFFERED=1 "$python" "$bundle/torch_mnist.py" \
		--data "$work" --device "$device" --epochs "$rounds" \
		--mode "$1" --batch "$2" --precision "$3")
	for key in $(keys "$@"); do
		awk -F '\t' -v key="$key" '$1 == key { found = 1 } END { exit !found }' "$report" ||
			omit "$key" "it did not come so far: see the log"
	done
}

# keys MODES BATCHES PRECISIONS
keys() {
	eval "echo torch.{$1,}.b{$2,}.{$3,}" | tr ' ' '\n' | grep -v '\.\.\|\.b\.\|\.$'
}

peers() {
	local precision
	if [ -z "$python" ]; then
		omit torch "no python3 here has a torch that can use $device"
		return
	fi
	# One process each: a capture that fails may spoil what comes after it.
	for precision in fp16 f32 bf16 tf32; do
		! room "torch.eager.b${batches[0]}.$precision" 15 ||
			peer 45 eager,graph,fused "$(commas "${batches[@]}")" $precision
	done
}

# Compiling takes far longer than what is compiled runs: what the targets want, and
# at the end what time allows.
compiled() {
	[ "$python" ] || return 0
	room torch.compile 60 || return
	peer 120 compile "${batches[0]}" fp16,bf16,f32
}

compiled_rest() {
	local batch
	[ "$python" ] || return 0
	for batch in "${batches[@]:1}"; do
		! room "torch.compile.b$batch" 60 || peer 90 compile "$batch" fp16,bf16,f32
	done
}

# How many times as long PyTorch takes
ratios() {
	local mode batch precision ours theirs ratio
	for mode in eager fused compile graph; do
		for batch in "${batches[@]}"; do
			for precision in fp16 bf16 f32 tf32; do
				theirs=$(value "torch.$mode.b$batch.$precision") || continue
				ours=$(value "time.epoch.b$batch.${precision/tf32/f32}") || continue
				ratio=$(awk -v a="$theirs" -v b="$ours" 'BEGIN { printf "%.3g", (b > 0 ? a / b : 0) }')
				say "ratio.$mode.b$batch.$precision" "$ratio" times "$theirs ms to $ours ms"
				[ "$batch" = "${batches[0]}" ] || continue
				case $mode.$precision in
				eager.fp16 | eager.bf16 | eager.f32) target "$mode.b$batch.$precision" "$ratio" least 15 times ;;
				graph.fp16 | graph.bf16 | graph.f32) target "$mode.b$batch.$precision" "$ratio" least 3 times ;;
				esac
			done
		done
	done
}

# --- from the start ---------------------------------------------------------------------

# reached COUNT: are there so many accuracies, and is their mean what is wanted?
reached() {
	awk -v n="$1" -v g="$start_goal" '{ s += $1 } END { exit !(NR == n && s / n >= g) }' accuracies
}

# The recipe that gets to 99 % soonest is not the seed's: a larger rate, larger
# batches and few epochs. Its number of epochs is looked for with other seeds than
# those that are timed.
from_start() {
	local batch=${batches[0]} rate=0.004 recipe round mode few seed begin
	recipe=(--batch "$batch" --lr "$rate" --amp fp16)
	cd "$work" || return
	room time.from-start 40 || return
	for few in 1 2 3 4 5 6 7 8; do
		: > accuracies
		for seed in 11 12 13; do
			cnn-init --seed $seed "$bundle/seed.net" -o start.cnn
			step all --seed $seed --epochs $few "${recipe[@]}" start.cnn train.tns -o out.cnn &&
				accuracy "$device" out.cnn >> accuracies
		done
		! reached 3 || break
	done
	say from-start.epochs $few - "the fewest with which three seeds' mean is $start_goal: $(tr '\n' ' ' < accuracies); ${recipe[*]}"
	: > rounds.ms && : > accuracies
	for round in $(seq "$seeds"); do
		clock step all --seed "$round" --epochs $few "${recipe[@]}" "$round.cnn" train.tns -o out.cnn >> "$log" || continue
		echo "$took" >> rounds.ms
		accuracy "$device" out.cnn >> accuracies
	done
	timing time.from-start rounds.ms "epochs: $few; from exec to the model written; accuracies $(tr '\n' ' ' < accuracies)"
	if reached "$seeds"; then
		target from-start "$(value time.from-start)" most 800 ms
	else
		say target.from-start missed - "$start_goal is not reached"
	fi
	[ "$python" ] || return 0
	for mode in graph eager; do
		room "torch.from-start.$mode" 25 || continue
		: > rounds.ms && : > accuracies
		for round in 1 2; do
			begin=$EPOCHREALTIME
			run 60 "${on_machine[@]}" "$python" "$bundle/torch_mnist.py" --data . \
				--device "$device" --mode $mode --batch "$batch" --precision fp16 --lr $rate \
				--epochs $few --seed "$round" --save torch.pt > said
			cat said >> "$log"
			awk -F '\t' -v begin="$begin" '$1 == "saved" { print 1000 * ($2 - begin) }' said >> rounds.ms
			awk -F '\t' '$1 == "accuracy" { print $2 }' said >> accuracies
		done
		timing "torch.from-start.$mode" rounds.ms "the same recipe, to the model written; accuracies $(tr '\n' ' ' < accuracies)"
	done
}

# --- starting -----------------------------------------------------------------------------

starts() {
	local round tree large
	cd "$work" || return
	room time.start 20 || return
	for tree in "${trees[@]}"; do
		: > "start.$tree"
	done
	for round in $(seq "$start_rounds"); do
		for tree in "${trees[@]}"; do
			clock step "$tree" --amp fp16 -n 1 1.cnn train.tns -o out.cnn >> "$log" &&
				echo "$took" >> "start.$tree"
		done
	done
	for tree in "${trees[@]}"; do
		timing "time.start.$tree" "start.$tree" "a run of one step"
		# What is loaded, by name, and the largest of it.
		rm -f ld.*
		LD_DEBUG=libs LD_DEBUG_OUTPUT=ld step "$tree" --amp fp16 -n 3 1.cnn train.tns -o out.cnn
		cat ld.* 2>> "$log" | awk '/calling init: / { n = split($NF, part, "/"); print part[n] }' | sort -u > loaded
		log "loaded by $tree: $(tr '\n' ' ' < loaded)"
		large=$(grep -E '^lib(cu|nv)' loaded | tr '\n' ' ') || large=''
		say "start.libraries.$tree" "$(wc -l < loaded)" libraries "of CUDA: ${large:-none}"
		target "start.$tree.cublaslt" "$(grep -ci cublaslt loaded)" most 0 "times loaded"
	done
}

# --- what the time goes on, and cuDNN's engines ------------------------------------------------

profile() {
	log "--profile, batch ${batches[0]}, fp16:"
	if step all --profile --batch "${batches[0]}" --amp fp16 -n "$profile_steps" \
		"$work/1.cnn" "$work/train.tns" -o "$work/out.cnn" > "$work/profile" 2>&1; then
		say profile made - "in the log"
	else
		omit profile "it failed: see the log"
	fi
	cat "$work/profile" >> "$log"
}

tuning() {
	local rounds=3 batch some=("${batches[0]}")
	if [[ " ${trees[*]} " != *" library "* ]]; then
		omit time.tuned "no $library here"
		return
	fi
	[ ${#batches[@]} = 1 ] || some+=("${batches[@]: -1}")
	for batch in "${some[@]}"; do
		epoch "time.own.b$batch.fp16" own "$batch" fp16
		epoch "time.$library.b$batch.fp16" library "$batch" fp16
		epoch "time.$library-tuned.b$batch.fp16" library "$batch" fp16 --tune
	done
}
