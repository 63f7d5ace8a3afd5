# correct.sh - sourced by gpu-check.sh: does the GPU compute what it should?
# shellcheck shell=bash
# shellcheck disable=SC2154  # device, quick, trees, work … and the sizes: gpu-check.sh's

# --- what is here ------------------------------------------------------------------

facts() {
	local line key file function
	say date "$(date -u +%F)"
	say commit "$(cat "$bundle/commit")"
	say mode "${quick:+quick, }$device${GPU_CHECK_PLUGINS:+, other plugins}" - \
		"${quick:+made small: no figure of it means anything}"
	say host "$(nproc)" cores "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	say system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" - "glibc $(getconf GNU_LIBC_VERSION | awk '{ print $2 }')"
	if line=$(nvidia-smi --format=csv,noheader \
		--query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm 2>> "$log"); then
		say card "$(echo "$line" | awk -F ', *' 'NR == 1 { print $1 }')" - \
			"$(echo "$line" | awk -F ', *' 'NR == 1 { print $3 ", capability " $4 ", at most " $5 }')"
		say driver "$(echo "$line" | awk -F ', *' 'NR == 1 { print $2 }')"
	fi
	nvidia-smi >> "$log" 2>&1 || log "no nvidia-smi"
	for line in cudart:libcudart.so.13:cudaRuntimeGetVersion cudnn:libcudnn.so.9:cudnnGetVersion; do
		IFS=: read -r key file function <<< "$line"
		say "version.$key" "$(library_version "$file" "$function")"
	done
	if [ "$python" ] && ! run 60 "${on_machine[@]}" "$python" "$bundle/torch_mnist.py" \
		--versions --device "$device" >> "$report"; then
		python=''
	fi
	line=$(run 60 "$work/all/bin/cnn-info" --devices | awk -v d="$device" '$2 ~ "^" d "(:|$)" { sub(/^device +[^ ]+ +/, ""); print; exit }')
	case $line in
	'' | none:*) check devices 1 "${line:-cnn-info says nothing}" ;;
	*) check devices 0 "$line" ;;
	esac
	run 60 "$work/all/bin/cnn-info" >> "$log"
	chosen all >> "$log"
}

# library_version LIBRARY FUNCTION: as the library itself tells it
library_version() {
	python3 - "$1" "$2" 2>> "$log" <<- 'END' || echo unknown
		import ctypes, sys
		library, function = ctypes.CDLL(sys.argv[1]), sys.argv[2]
		if function == "cudaRuntimeGetVersion":
		    version = ctypes.c_int()
		    library.cudaRuntimeGetVersion(ctypes.byref(version))
		    print("%d.%d" % (version.value // 1000, version.value % 1000 // 10))
		else:
		    version = ctypes.c_size_t(library.cudnnGetVersion()).value
		    print("%d.%d.%d" % (version // 10000, version // 100 % 100, version % 100))
	END
}

# --- every provider against ref ------------------------------------------------------

conformance() {
	local provider status
	local -A pid=()
	for provider in "${providers[@]}"; do
		run 150 "$work/tests/conformance" --plugin-dir "$work/all/lib/cnntools/plugins" \
			--f64-dir "$work/tests/plugins-f64" "$device/$provider" > "$work/$provider.tap" &
		pid[$provider]=$!
	done
	for provider in "${providers[@]}"; do
		status=0
		wait "${pid[$provider]}" || status=$?
		check "conformance.$provider" $((status > 0)) "$(awk -v status="$status" '
			/^ok/ { good++ }
			/^not ok/ { bad++ }
			/^1\.\./ { planned = substr($1, 4) + 0; has_plan = 1 }
			/^Bail out/ { bail = "; " $0 }
			END {
				printf "%d ok, %d not ok%s", good, bad, bail
				if (!has_plan || planned != good + bad) printf "; did not come to its end"
				if (status == 124) printf "; out of time"
				else if (status > 1) printf "; exit status %d", status
			}' "$work/$provider.tap")"
		grep '^not ok' "$work/$provider.tap" | head -n 30 >> "$log"
	done
}

# --- the same numbers ------------------------------------------------------------------

# step TREE OPTION...: cnn-step on the device
step() {
	local tree=$1
	shift
	run "${step_limit:-120}" "$work/$tree/bin/cnn-step" -q --device "$device" "$@"
}

# apart FILE FILE STEPS: how far two tables' losses are apart over the first STEPS,
# absolute and relative
apart() {
	paste "$1" "$2" 2>> "$log" | awk -F '\t' -v steps="$3" '
		NR == 1 { next }
		NR - 1 > steps { exit }
		{
			if ($4 !~ /^[0-9.e+-]+$/ || $12 !~ /^[0-9.e+-]+$/) { print "nan"; bad = 1; exit }
			n++
			d = $4 - $12
			if (d < 0) d = -d
			if (d > most) most = d
			if ($4 > 0 && d / $4 > relative) relative = d / $4
		}
		END {
			if (bad) exit
			if (n < steps) { print "short"; exit }
			printf "%.3g %.3g\n", most, relative
		}'
}

# within KEY BOUND FIELD FILE FILE STEPS WHAT: a check on apart's first or second word
within() {
	local found
	found=$(apart "$4" "$5" "$6" | awk -v field="$3" '{ print $field }')
	check "$1" "$(awk -v f="${found:-short}" -v b="$2" 'BEGIN { print !(f ~ /^[0-9]/ && f + 0 <= b) }')" \
		"$7: ${found:-no table}, at most $2 over $6 steps"
}

same() {
	if cmp "$2" "$3" >> "$log" 2>&1; then
		check "$1" 0 "$4: the same bytes"
	else
		check "$1" 1 "$4: other bytes, or none"
	fi
}

# chosen TREE: who computes which layers
chosen() {
	run 60 "$work/$1/bin/cnn-info" --training --device "$device" "$work/1.cnn"
	run 60 "$work/$1/bin/cnn-info" --training --device "$device" --amp fp16 "$work/1.cnn"
}

trajectory() {
	local tree amp
	cd "$work" || return
	local n=$trajectory_steps batch=$trajectory_batch
	local train=(--seed 1 --batch "$batch" 1.cnn)
	local data=train.tns few=12
	# 2.25 batches an epoch: the last, smaller one comes four times in 12 steps.
	run 60 tensor-cat --range 0:$((batch * 9 / 4)) train.tns -o few.tns

	run 120 own/bin/cnn-step -q --device cpu "${train[@]}" $data -n "$n" -m cpu.tsv -o cpu.cnn
	run 120 own/bin/cnn-step -q --device cpu "${train[@]}" $data -n "$n" --shard-size 8 \
		-m shard.tsv -o shard.cnn
	run 120 own/bin/cnn-step -q --device cpu "${train[@]}" few.tns -n $few -m cpu-few.tsv -o cpu.cnn
	say yardstick "$(apart cpu.tsv shard.tsv "$n" | awk '{ print $1 }')" - \
		"loss over $n steps on the CPU between two orders of adding up"
	for tree in "${trees[@]}"; do
		if [ "$tree" = own ] && cmp -s <(chosen all) <(chosen own); then
			log "own: its layers are computed as those of all"
			continue
		fi
		step "$tree" "${train[@]}" $data -n "$n" -m "$tree.tsv" -o "$tree.cnn"
		step "$tree" "${train[@]}" $data -n "$n" -o again.cnn
		step "$tree" "${train[@]}" $data -n "$n" --no-graph -o plain.cnn
		step "$tree" "${train[@]}" $data -n $((n / 2)) -o half.cnn
		step "$tree" --resume half.cnn $data -n $((n - n / 2)) -o resumed.cnn
		step "$tree" "${train[@]}" few.tns -n $few -m "$tree-few.tsv" -o few.cnn
		within "loss.$tree" 1e-3 1 cpu.tsv "$tree.tsv" "$n" "loss beside the CPU's"
		within "loss.$tree.few" 1e-5 2 cpu-few.tsv "$tree-few.tsv" $few "relative, with smaller batches"
		same "twice.$tree" "$tree.cnn" again.cnn "two runs"
		same "no-graph.$tree" "$tree.cnn" plain.cnn "with and without a graph"
		same "resume.$tree" "$tree.cnn" resumed.cnn "in one go and resumed"
		for amp in "${amps[@]:1}"; do
			step "$tree" "${train[@]}" $data -n "$n" --amp "$amp" -o "$amp.cnn"
			step "$tree" "${train[@]}" $data -n "$n" --amp "$amp" -o again.cnn
			same "twice.$tree.$amp" "$amp.cnn" again.cnn "two runs in $amp"
			rm -f "$amp.cnn"
		done
		# A check after each kernel, and each named that fails.
		step "$tree" "${train[@]}" few.tns -n $few -o few.cnn
		CNN_CUDA_CHECK=1 step "$tree" "${train[@]}" few.tns -n $few -o checked.cnn
		same "checked.$tree" few.cnn checked.cnn "with CNN_CUDA_CHECK=1"
	done
	step all "${train[@]}" $data -n "$n" --no-fuse -m unfused.tsv -o unfused.cnn
	within no-fuse 1e-5 2 all.tsv unfused.tsv $((n < 10 ? n : 10)) "relative, with and without fused layers"
}

# --- trained, right? ---------------------------------------------------------------------

# accuracy DEVICE MODEL [OPTION...]
accuracy() {
	local where=$1
	shift
	run 120 "$work/all/bin/cnn-eval" --tsv --device "$where" "$@" "$work/test.tns" |
		awk -F '\t' '$1 == "accuracy" { print $2 }'
}

training() {
	local amp name seed mean short all here there
	cd "$work" || return
	for amp in "${amps[@]}"; do
		name=${amp/off/f32}
		: > accuracies
		room "check.accuracy.$name" 20 || continue
		for seed in $(seq "$seeds"); do
			step all --seed "$seed" --epochs "$epochs" --batch "$train_batch" --amp "$amp" \
				"$seed.cnn" train.tns -o trained.cnn &&
				accuracy "$device" --amp "$amp" trained.cnn >> accuracies
		done
		awk -v want="$seeds" '
			{ sum += $1; all = all (NR > 1 ? " " : "") sprintf("%.2f", 100 * $1) }
			END { printf "%.4f %d %s\n", NR ? 100 * sum / NR : 0, NR != want, all }' accuracies > sum
		read -r mean short all < sum
		check "accuracy.$name" "$(awk -v m="$mean" -v g="$goal" -v s="$short" 'BEGIN { print s || m < g }')" \
			"$mean % as the mean of ${all:-no run}; at least $goal"
		say "accuracy.$name" "$mean" % "$all"
	done
	room check.evaluate 5 || return
	here=$(accuracy "$device" trained.cnn)
	there=$(accuracy cpu trained.cnn)
	check evaluate "$(awk -v a="${here:-x}" -v b="${there:-y}" -v n="$test_count" '
		BEGIN { d = (a - b) * n; print !(a ~ /^[0-9]/ && b ~ /^[0-9]/ && d * d < 6.25) }')" \
		"the same model in f32: ${here:-none} here, ${there:-none} on the CPU; at most 2 samples apart"
}

# --- compute-sanitizer ---------------------------------------------------------------------

sanitize() {
	local sanitizer jobs job tool tree amp status said
	local -A pid=()
	if ! sanitizer=$(PATH=$PATH:${CUDA:-/usr/local/cuda}/bin command -v compute-sanitizer); then
		omit check.sanitizer "no compute-sanitizer"
		return
	fi
	room check.sanitizer 30 || return
	cd "$work" || return
	run 60 tensor-cat --range 0:56 train.tns -o short.tns
	jobs=(memcheck:own:off memcheck:own:fp16 racecheck:own:off racecheck:own:fp16)
	! can bf16 || jobs+=(memcheck:own:bf16)
	[[ " ${trees[*]} " != *" library "* ]] || jobs+=(memcheck:library:fp16)
	for job in "${jobs[@]}"; do
		IFS=: read -r tool tree amp <<< "$job"
		run 90 "$sanitizer" --tool "$tool" --error-exitcode 9 --log-file "san.$job" \
			"$tree/bin/cnn-step" -q --device "$device" --no-graph --batch 24 -n 3 \
			--amp "$amp" 1.cnn short.tns -o "san.$job.cnn" &
		pid[$job]=$!
	done
	for job in "${jobs[@]}"; do
		status=0
		wait "${pid[$job]}" || status=$?
		head -n 60 "san.$job" >> "$log" 2>&1
		said=$(awk '/^=/ { sub(/^=+ */, ""); if (!summed) line = $0 }
			/SUMMARY/ { summed = 1 }
			END { print line }' "san.$job" 2>> "$log")
		said=${said:-it said nothing}
		job=sanitizer.${job//:/.}
		case $status:$said in
		124:*) unreached "check.$job" "it was not done in 90 s" ;;
		*"not supported"*) omit "check.$job" "$said" ;;
		*) check "$job" "$status" "$said" ;;
		esac
	done
}
