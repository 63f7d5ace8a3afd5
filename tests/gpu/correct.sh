# correct.sh - sourced by gpu-check.sh: checks that the GPU's results are right
# shellcheck shell=bash
# shellcheck disable=SC2154  # work, amps ... and the sizes: set in gpu-check.sh

# --- each kernel against ref ---------------------------------------------------------

# families PROVIDER: one line per family: its name, and its kernels by that provider
families() {
	"$work/tests/conformance" --plugin-dir "$work/all/$plugins" --list "cuda/$1" | awk '
		!($1 in of) { order[++n] = $1 }
		{ of[$1] = of[$1] " " $2 }
		END { for (i = 1; i <= n; i++) print order[i] of[order[i]] }'
}

# family PROVIDER NAME KERNEL...: checks the conformance of a family
family() {
	local provider=$1 name=$2 status=0 tap
	shift 2
	tap=$work/$provider.$name.tap
	run "$conformance_limit" "$work/tests/conformance" --plugin-dir "$work/all/$plugins" \
		--reference "$work/tests/reference" "cuda/$provider" "$@" > "$tap" || status=$?
	check "conformance.$provider.$name" "$status" "$(awk -v status="$status" '
		/^ok/ { good++ }
		/^not ok/ { bad++ }
		/^1\.\./ { planned = substr($1, 4) + 0; has_plan = 1 }
		/^Bail out/ { bail = "; " $0 }
		END {
			printf "%d ok, %d not ok%s", good, bad, bail
			if (status == 124) printf "; out of time"
			else if (!has_plan || planned != good + bad) printf "; ended early"
			if (status > 1 && status != 124) printf "; exit status %d", status
		}' "$tap")"
	grep '^not ok' "$tap" | head -n 30 >> "$log"
}

# One process per family, so that an illegal access ends only the tests of its family.
conformance() {
	local name list
	while read -r name list; do
		# shellcheck disable=SC2086  # a list of names
		begin family native "$name" $list
	done < <(families native)
	finish
}

# One process per kernel, with more time: cuDNN builds some hundred plans for each, and
# may compile kernels for them.
conformance_cudnn() {
	local name
	if [ -z "$has_cudnn" ]; then
		omit conformance.cudnn "${no_cudnn:-no cuda/cudnn}"
		return
	fi
	conformance_limit=100
	while read -r _ name; do
		begin family cudnn "$name" "$name"
	done < <("$work/tests/conformance" --plugin-dir "$work/all/$plugins" --list cuda/cudnn)
	finish
}

# --- the same numbers ------------------------------------------------------------------

# trainer TREE: sets $trainer to the command that trains on the GPU with those plugins
trainer() {
	trainer=("$work/$1/bin/cnn-step" -q --device cuda)
	[ "$1" != library ] || trainer=("$work/all/bin/cnn-step" -q --device cuda --provider conv2d+relu=cudnn)
}

# step TREE OPTION...: trains
step() {
	trainer "$1"
	shift
	run 20 "${trainer[@]}" "$@"
}

# apart FILE FILE STEPS: the largest absolute and relative difference of the losses in
# two metrics tables over the first STEPS steps
apart() {
	paste "$1" "$2" 2>> "$log" | awk -F '\t' -v steps="$3" '
		NR == 1 { next }
		NR - 1 > steps { exit }
		{
			if ($4 !~ /^[0-9.e+-]+$/ || $12 !~ /^[0-9.e+-]+$/) { print "nan nan"; bad = 1; exit }
			n++
			d = $4 - $12
			if (d < 0) d = -d
			if (d > most) most = d
			if ($4 > 0 && d / $4 > relative) relative = d / $4
		}
		END {
			if (bad) exit
			if (n < steps) { print "short short"; exit }
			printf "%.3g %.3g\n", most, relative
		}'
}

# within KEY BOUND FIELD FILE FILE STEPS WHAT: checks that the first (absolute) or
# second (relative) field of apart is at most BOUND
within() {
	local found
	found=$(apart "$4" "$5" "$6" | awk -v field="$3" '{ print $field }')
	judge "$1" "$(awk -v f="${found:-short}" -v b="$2" '
		BEGIN { print !(f ~ /^[0-9]/ && f + 0 <= b) }')" \
		"$7: ${found:-no table}; at most $2 over $6 steps"
}

# same KEY FILE FILE WHAT: checks that two files have the same bytes
same() {
	if cmp "$2" "$3" >> "$log" 2>&1; then
		check "$1" 0 "$4: the same bytes"
	else
		judge "$1" 1 "$4: different bytes, or a file is missing"
	fi
}

# Compares all precisions with the losses of the CPU's reference. Rounding to half
# changes the loss of the seed network by less than 3e-2 within 20 steps, and by less
# than 2e-3 within 5.
trajectory() {
	local amp name
	local train=(--seed 1 --batch "$trajectory_batch" -n "$trajectory_steps" 1.cnn train.tns)
	cd "$work" || return
	run 20 own/bin/cnn-step -q --device cpu --shard-size 4 "${train[@]}" -m cpu.tsv -o cpu.cnn
	for amp in "${amps[@]}"; do
		name=${amp/off/f32}
		step own "${train[@]}" --amp "$amp" -m "$name.tsv" -o "$name.cnn"
		if [ "$amp" = off ]; then
			within loss.f32 1e-3 1 cpu.tsv f32.tsv "$trajectory_steps" "loss compared with the CPU's"
			continue
		fi
		within "loss.$name.begin" 5e-3 1 cpu.tsv "$name.tsv" $((trajectory_steps / 4)) \
			"loss compared with the CPU's in f32"
		within "loss.$name" 6e-2 1 cpu.tsv "$name.tsv" "$trajectory_steps" \
			"loss compared with the CPU's in f32"
	done
}

# exact_tree TREE: compares runs that must give the same bytes or almost the same losses
exact_tree() {
	local tree=$1 n=$exact_steps few=12 amp name
	local train=(--seed 1 --batch "$trajectory_batch" 1.cnn)
	cd "$work" || return
	name=$tree.f32
	step "$tree" "${train[@]}" train.tns -n "$n" -m "$name.tsv" -o "$name.cnn"
	step "$tree" "${train[@]}" train.tns -n "$n" -o "$name.again.cnn"
	same "twice.$name" "$name.cnn" "$name.again.cnn" "two runs"
	step "$tree" "${train[@]}" train.tns -n "$n" --no-graph -o "$name.plain.cnn"
	same "no-graph.$name" "$name.cnn" "$name.plain.cnn" "with and without a graph"
	step "$tree" "${train[@]}" train.tns -n $((n / 2)) -o "$name.half.cnn"
	step "$tree" --resume "$name.half.cnn" train.tns -n $((n - n / 2)) -o "$name.resumed.cnn"
	same "resume.$name" "$name.cnn" "$name.resumed.cnn" "in one run and resumed"
	# Rounding errors grow with the steps: two CPU kernels differ by 1e-3 at step 100.
	within "loss.$name" 1e-3 1 exact-cpu.tsv "$name.tsv" $((n / 2)) "loss compared with the CPU's"
	# An epoch has 2.25 batches, so 12 steps have four smaller batches.
	step "$tree" "${train[@]}" few.tns -n $few -m "$name-few.tsv" -o "$name.few.cnn"
	within "loss.$name.few" 1e-5 2 few-cpu.tsv "$name-few.tsv" $few "relative, with smaller batches"
	CNN_CUDA_CHECK=1 step "$tree" "${train[@]}" few.tns -n $few -o "$name.checked.cnn"
	same "checked.$name" "$name.few.cnn" "$name.checked.cnn" "with CNN_CUDA_CHECK=1"
	for amp in "${amps[@]:1}"; do
		name=$tree.$amp
		step "$tree" "${train[@]}" train.tns -n "$n" --amp "$amp" -o "$name.cnn"
		step "$tree" "${train[@]}" train.tns -n "$n" --amp "$amp" --no-graph -o "$name.again.cnn"
		same "twice.$name" "$name.cnn" "$name.again.cnn" "with and without a graph in $amp"
	done
}

exact() {
	local train=(--seed 1 --batch "$trajectory_batch" 1.cnn) few=12
	cd "$work" || return
	run 20 tensor-cat --range 0:$((trajectory_batch * 9 / 4)) train.tns -o few.tns
	begin run 20 own/bin/cnn-step -q --device cpu --shard-size 4 "${train[@]}" train.tns \
		-n "$exact_steps" -m exact-cpu.tsv -o cpu.cnn
	begin run 20 own/bin/cnn-step -q --device cpu --shard-size 4 "${train[@]}" few.tns \
		-n $few -m few-cpu.tsv -o few-cpu.cnn
	finish
	begin exact_tree own
	[ -z "$has_cudnn" ] || cmp -s <(chosen all) <(chosen own) || begin exact_tree all
	finish
	step own "${train[@]}" train.tns -n $((exact_steps < 10 ? exact_steps : 10)) --no-fuse \
		-m unfused.tsv -o unfused.cnn
	within no-fuse 1e-5 2 own.f32.tsv unfused.tsv $((exact_steps < 10 ? exact_steps : 10)) \
		"relative, with and without fused layers"
}

# A separate part, so that the time of cuDNN does not delay the checks of our kernels.
exact_library() {
	if [ "$has_cudnn" ]; then
		exact_tree library
	else
		omit exact.library "${no_cudnn:-no cuda/cudnn}"
	fi
}

# --- does it learn? ----------------------------------------------------------------------

# accuracy DEVICE [OPTION...] MODEL: the accuracy on the test set
accuracy() {
	local where=$1
	shift
	run 20 "$work/all/bin/cnn-eval" --tsv --device "$where" "$@" "$work/test.tns" |
		awk -F '\t' '$1 == "accuracy" { print $2 }'
}

# learn AMP SEED: trains and evaluates a model
learn() {
	local name=${1/off/f32}
	step all --seed "$2" --epochs "$epochs" --batch "$train_batch" --amp "$1" \
		"$2.cnn" train.tns -o "learnt.$name.$2.cnn" &&
		accuracy cuda --amp "$1" "learnt.$name.$2.cnn" > "learnt.$name.$2"
}

# learns AMP: checks the mean accuracy of several seeds against the goal
learns() {
	local amp=$1 name=${1/off/f32} seed mean short all
	for seed in $(seq "$seeds"); do
		begin learn "$amp" "$seed"
	done
	finish
	for seed in $(seq "$seeds"); do
		cat "learnt.$name.$seed" 2>> "$log"
	done | awk -v want="$seeds" '
		{ sum += $1; all = all (NR > 1 ? " " : "") sprintf("%.2f", 100 * $1) }
		END { printf "%.4f %d %s\n", NR ? 100 * sum / NR : 0, NR != want, all }' > "sum.$name"
	read -r mean short all < "sum.$name"
	judge "accuracy.$name" "$(awk -v m="$mean" -v g="$goal" -v s="$short" 'BEGIN { print s || m < g }')" \
		"$mean %, the mean of ${all:-no run}; at least $goal"
	say "accuracy.$name" "$mean" % "$all"
}

training() {
	local amp here there
	cd "$work" || return
	for amp in "${amps[@]}"; do
		room "check.accuracy.${amp/off/f32}" 15 && learns "$amp"
	done
	room check.evaluate 10 || return
	here=$(accuracy cuda learnt.f32.1.cnn)
	there=$(accuracy cpu learnt.f32.1.cnn)
	judge evaluate "$(awk -v a="${here:-x}" -v b="${there:-y}" -v n="$test_count" '
		BEGIN { d = (a - b) * n; print !(a ~ /^[0-9]/ && b ~ /^[0-9]/ && d * d < 6.25) }')" \
		"the same model in f32: ${here:-none} here, ${there:-none} on the CPU; at most 2 samples apart"
}

# --- compute-sanitizer ---------------------------------------------------------------------

# sanitized TOOL TREE AMP: checks a short run under the sanitizer
sanitized() {
	local key=sanitizer.$1.$2.${3/off/f32} status=0 said
	trainer "$2"
	run "$sanitizer_limit" "$sanitizer" --tool "$1" --error-exitcode 9 \
		--report-api-errors no --log-file "$key" \
		"${trainer[@]}" --no-graph --batch 24 -n 2 --amp "$3" 1.cnn short.tns \
		-o "$key.cnn" || status=$?
	head -n 60 "$key" >> "$log" 2>&1
	said=$(awk '/^=/ { sub(/^=+ */, ""); if (!summed) line = $0 }
		/SUMMARY/ { summed = 1 }
		END { print line }' "$key" 2>> "$log")
	case $status:$said in
	0:* | 124:*) check "$key" "$status" "${said:-no output}" ;;
	*"not supported"* | *"nable to"*) omit "check.$key" "$said" ;;
	*) check "$key" "$status" "${said:-no output}; exit status $status" ;;
	esac
}

sanitize() {
	if ! sanitizer=$(find_program compute-sanitizer); then
		omit check.sanitizer "no compute-sanitizer"
		return
	fi
	room check.sanitizer 30 || return
	cd "$work" || return
	run 20 tensor-cat --range 0:40 train.tns -o short.tns
	begin sanitized memcheck own fp16
	begin sanitized racecheck own fp16
	begin sanitized initcheck own fp16
	begin sanitized memcheck own off
	begin sanitized racecheck own off
	! can bf16 || begin sanitized memcheck own bf16
	[ -z "$has_cudnn" ] || begin sanitized memcheck library fp16
	finish
}
