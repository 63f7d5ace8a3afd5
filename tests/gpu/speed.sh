# speed.sh - sourced by gpu-check.sh: measures times
# shellcheck shell=bash
# shellcheck disable=SC2154  # work, batches ... and the sizes: set in gpu-check.sh

# --- an epoch ------------------------------------------------------------------------

# epoch_run TREE BATCH AMP FILE [OPTION...]: trains for some epochs, and appends the
# time of each to FILE, as measured by cnn-step on the device. Leaves out the first
# epochs ($epochs_skipped), in which steps are recorded and clocks rise.
epoch_run() {
	local tree=$1 batch=$2 amp=$3 file=$4
	shift 4
	: > said
	errors=said step "$tree" --time-epochs --epochs "${epoch_count[$batch]}" \
		--batch "$batch" --amp "$amp" "$@" 1.cnn train.tns -o "epochs.$tree.$batch.$amp.cnn"
	cat said >> "$log"
	sed -nE 's/^cnn-step: epoch [0-9]+: ([0-9.]+) ms, .*/\1/p' said |
		awk -v skip="$epochs_skipped" 'NR > skip' >> "$file"
}

# epoch_key TREE BATCH AMP: the key of an epoch's time
epoch_key() {
	local tree=''
	[ "$1" = all ] || tree=$1.
	echo "time.epoch.${tree}b$2.${3/off/f32}"
}

# epoch_times ROUNDS AMP...: times the trees in turn, so that any drift affects all
# alike
epoch_times() {
	local rounds=$1 amp batch tree round key ms
	shift
	cd "$work" || return
	for amp; do
		can "$amp" || continue
		for batch in "${batches[@]}"; do
			room "$(epoch_key all "$batch" "$amp")" 5 || continue
			for tree in all "${variants[@]}"; do
				: > "ms.$tree"
			done
			for round in $(seq "$rounds"); do
				for tree in all "${variants[@]}"; do
					epoch_run "$tree" "$batch" "$amp" "ms.$tree"
				done
			done
			for tree in all "${variants[@]}"; do
				key=$(epoch_key "$tree" "$batch" "$amp")
				timing "$key" "ms.$tree" "epochs of $rounds runs" || continue
				ms=$(value "$key")
				say "step${key#time.epoch}" "$(awk -v ms="$ms" -v n="$train_count" -v b="$batch" '
					BEGIN { printf "%.4g", 1000 * ms / int((n + b - 1) / b) }')" us "of that epoch"
				[ -z "${epoch_goal[$batch]-}" ] ||
					target "epoch${key#time.epoch}" "$ms" most "${epoch_goal[$batch]}" ms
			done
		done
	done
}

# One round in fp16. Checks the accuracy of the trained model.
epochs() {
	local found model
	epoch_times 1 fp16
	model=epochs.all.${batches[0]}.fp16.cnn
	found=$([ ! -e "$work/$model" ] || accuracy cuda "$work/$model")
	judge "accuracy.epochs" "$(awk -v a="${found:-0}" -v g="$goal" 'BEGIN { print 100 * a < g }')" \
		"${found:-no model}: the model of ${epoch_count[${batches[0]}]} epochs at batch ${batches[0]} in fp16; at least $goal %"
}

epochs_all() {
	epoch_times "$rounds" fp16 off bf16
}

# Times our own kernels, cuDNN's, and the cuDNN kernels that --tune chooses.
library() {
	local batch key
	if [ -z "$has_cudnn" ]; then
		omit time.epoch.library "${no_cudnn:-no cuda/cudnn}"
		return
	fi
	cd "$work" || return
	for batch in "${batches[@]}"; do
		key=$(epoch_key library "$batch" fp16)
		room "$key" 10 || continue
		: > ms.library && : > ms.tuned
		epoch_run library "$batch" fp16 ms.library
		timing "$key" ms.library "cuDNN's convolutions in place of our own"
		[ "$quick" ] || epoch_run library "$batch" fp16 ms.tuned --tune
		timing "$(epoch_key tuned "$batch" fp16)" ms.tuned "with --tune"
	done
}

# --- a kernel ------------------------------------------------------------------------

# Times and counters come from separate runs: counters need several passes of a kernel,
# which affects its time.
ncu_time=gpu__time_duration.sum,launch__registers_per_thread
ncu_counters=sm__warps_active.avg.pct_of_peak_sustained_active,dram__bytes_read.sum,dram__bytes_write.sum

# profiled SECONDS BATCH FILE METRICS: runs three steps under ncu and writes its CSV
profiled() {
	rm -f "$3"
	run "$1" "$ncu" --csv --log-file "$3" --clock-control none --cache-control none \
		--print-units base --metrics "$4" "$work/own/bin/cnn-step" -q --device cuda \
		--no-graph --batch "$2" --amp fp16 -n 3 1.cnn train.tns -o out.cnn &&
		grep -q '^"' "$3"
}

# kernel_table BATCH FILE [FILE]: one line per kernel of the last step: batch, number,
# name, grid, block, and the metrics in order. A step ends with the kernel `advance`.
kernel_table() {
	local batch=$1
	shift
	awk -v batch="$batch" -v metrics="$ncu_time,$ncu_counters" '
		BEGIN { count = split(metrics, metric, ",") }
		FNR == 1 { has_header = 0 }
		!/^"/ { next }
		{
			sub(/^"/, ""); sub(/"\r?$/, "")
			n = split($0, field, /","/)
		}
		!has_header {
			split("", at)
			for (i = 1; i <= n; i++) at[field[i]] = i
			has_header = 1
			next
		}
		{
			id = field[at["ID"]]
			if (!(id in name)) {
				order[++kernels] = id
				k = field[at["Kernel Name"]]
				gsub(/\((int|bool|unsigned int|float)\)/, "", k)
				sub(/\(.*/, "", k); sub(/^void /, "", k); gsub(/\t/, " ", k)
				name[id] = k
				form[id] = field[at["Grid Size"]] "\t" field[at["Block Size"]]
				gsub(/[ ()]/, "", form[id]); gsub(/,/, "x", form[id])
			}
			v = field[at["Metric Value"]]
			gsub(/,/, "", v)
			found[id, field[at["Metric Name"]]] = v
		}
		END {
			for (i = 1; i <= kernels; i++)
				if (name[order[i]] ~ /advance/) { begin = end; end = i }
			for (i = begin + 1; i <= end; i++) {
				line = batch "\t" i - begin "\t" name[order[i]] "\t" form[order[i]]
				for (m = 1; m <= count; m++)
					line = line "\t" ((order[i], metric[m]) in found ? found[order[i], metric[m]] : "-")
				print line
			}
		}' "$@"
}

# Reports the times and hardware counters of one step's kernels. On some machines users
# must not read them; then the reason is reported.
kernels() {
	local batch done='' files table=$folder/kernels.tsv
	if ! ncu=$(find_program ncu); then
		omit kernels "no ncu"
		return
	fi
	cd "$work" || return
	for batch in "${batches[0]}" "${batches[-1]}"; do
		[ "$batch" != "$done" ] || break
		done=$batch
		room "kernels.b$batch" 10 || return
		if ! profiled 45 "$batch" ncu.time.csv "$ncu_time"; then
			tail -n 20 ncu.time.csv >> "$log" 2>&1
			omit "kernels.b$batch" "$(grep -h -m 1 -E '^==(ERROR|WARNING)==' ncu.time.csv 2>> "$log" ||
				echo "ncu failed; the log shows why")"
			return
		fi
		files=(ncu.time.csv)
		if room "counters.b$batch" 10 && profiled 25 "$batch" ncu.counters.csv "$ncu_counters"; then
			files+=(ncu.counters.csv)
		fi
		kernel_table "$batch" "${files[@]}" > step.tsv
		[ -s "$table" ] ||
			printf 'batch\tnumber\tkernel\tgrid\tblock\tns\tregisters\tactive warps %%\tbytes read\tbytes written\n' > "$table"
		cat step.tsv >> "$table"
		say "kernels.b$batch" "$(wc -l < step.tsv)" kernels "of one step, in kernels.tsv"
		say "time.kernels.b$batch" "$(awk -F '\t' '{ s += $6 } END { printf "%.4g", s / 1000 }' step.tsv)" \
			us "the sum of their times"
		show "$(printf '%-34s %9s us in %s kernels' "time.kernels.b$batch" "$(value "time.kernels.b$batch")" "$(wc -l < step.tsv)")"
	done
}

# --- starting ------------------------------------------------------------------------

# start_times KEY DETAIL DEVICE: times a run of one step, from exec to exit
start_times() {
	local round
	: > starts.ms
	for round in $(seq "$start_rounds"); do
		clock run 20 "$work/all/bin/cnn-step" -q --device "$3" --amp fp16 --batch 16 -n 1 \
			1.cnn test.tns -o out.cnn >> "$log" && echo "$took" >> starts.ms
	done
	timing "$1" starts.ms "$2"
}

# If persistence mode is off, the driver may have to initialise the card for a process
# that is alone. Another process, which holds a context, shows how much of a start that
# is.
starts() {
	local holder tries=0
	cd "$work" || return
	room time.start 10 || return
	start_times time.start "one step, from exec to exit" cuda
	start_times time.start.cpu "the same on the CPU" cpu
	rm -f hold held && mkfifo hold
	run 60 "$work/all/bin/cnn-step" -q --device cuda --stream -b 4 -c held --checkpoint-every 1 \
		1.cnn - -o held.cnn < hold &
	holder=$!
	exec 9> hold
	tensor-cat --range 0:4 test.tns >&9  # a batch, after which a checkpoint is written
	until [ -s held ] || ! kill -0 "$holder" 2>> "$log" || [ $((tries += 1)) -gt 150 ]; do
		sleep 0.1
	done
	if [ -s held ]; then
		start_times time.start.held "while another process holds a context" cuda
	else
		omit time.start.held "no other process could hold a context"
	fi
	exec 9>&-
	kill "$holder" 2> /dev/null
	wait "$holder" 2>> "$log"
}

# --- from the start to 99 % ------------------------------------------------------------

# mean_of FILE COUNT: the mean of the accuracies; fails if there are fewer than COUNT
mean_of() {
	awk -v n="$2" '{ s += $1 } END { if (NR) printf "%.4f\n", s / NR; exit NR < n }' "$1"
}

# reaches FILE COUNT: true if the mean reaches the goal
reaches() {
	local mean
	mean=$(mean_of "$1" "$2") && awk -v m="$mean" -v g="$start_goal" 'BEGIN { exit m < g }'
}

# saved FILE BEGIN: ms from BEGIN to the last change of FILE
saved() {
	since "$2" "$(stat -c %.6Z "$1")"
}

# attempt SEED EPOCHS OPTION...: trains and evaluates a new net
attempt() {
	local seed=$1 few=$2
	shift 2
	: > "attempt.$seed"
	cnn-init --seed "$seed" "$bundle/seed.net" -o "attempt.$seed.cnn" &&
		step all --seed "$seed" --epochs "$few" "$@" "attempt.$seed.cnn" train.tns \
			-o "attempted.$seed.cnn" &&
		accuracy cuda "attempted.$seed.cnn" > "attempt.$seed"
}

# The fastest way to 99 % is a larger learning rate than the default, and few epochs.
# Finds the number of epochs with other seeds than the timed ones, and adds one as a
# margin.
from_start() {
	local batch=${batches[0]} rate=0.004 recipe few seed round begin mode
	recipe=(--batch "$batch" --lr "$rate" --amp fp16)
	cd "$work" || return
	room time.from-start 20 || return
	for few in 1 2 3 4 5 6 7 8; do
		for seed in 11 12 13; do
			begin attempt $seed $few "${recipe[@]}"
		done
		finish
		cat attempt.1[123] > accuracies
		! reaches accuracies 3 || break
	done
	say from-start.epochs $((few + 1)) epochs \
		"one more than the smallest number whose mean of three seeds is $start_goal: $(tr '\n' ' ' < accuracies); ${recipe[*]}"
	few=$((few + 1))
	: > saved.ms && : > exit.ms && : > accuracies
	for round in $(seq "$start_rounds"); do
		rm -f out.cnn
		begin=$EPOCHREALTIME
		clock step all --seed "$round" --epochs $few "${recipe[@]}" 1.cnn train.tns -o out.cnn || continue
		saved out.cnn "$begin" >> saved.ms
		echo "$took" >> exit.ms
		accuracy cuda out.cnn >> accuracies
	done
	timing time.from-start.saved saved.ms "from exec to the model on disk; accuracies $(tr '\n' ' ' < accuracies)"
	timing time.from-start.exit exit.ms "from exec to exit"
	if reaches accuracies "$start_rounds"; then
		target from-start.saved "$(value time.from-start.saved)" most 800 ms
	else
		say target.from-start.saved missed - "the accuracy is not reached"
	fi
	[ "$python" ] || return 0
	for mode in graph eager; do
		room "torch.from-start.$mode" 25 || continue
		: > saved.ms && : > exit.ms && : > accuracies
		for round in 1 2; do
			rm -f torch.pt
			begin=$EPOCHREALTIME
			clock run 40 "${on_machine[@]}" "$python" "$bundle/torch_mnist.py" --data . \
				--device "$torch_device" --mode $mode --batch "$batch" --precision fp16 --lr $rate \
				--epochs $few --seed "$round" --save torch.pt > said || continue
			cat said >> "$log"
			saved torch.pt "$begin" >> saved.ms
			echo "$took" >> exit.ms
			awk -F '\t' '$1 == "accuracy" { print $2 }' said >> accuracies
		done
		timing "torch.from-start.$mode.saved" saved.ms "the same recipe; accuracies $(tr '\n' ' ' < accuracies)"
		timing "torch.from-start.$mode.exit" exit.ms "including the evaluation"
	done
}

# --- where a step's time goes -----------------------------------------------------------

profile() {
	log "--profile, batch ${batches[0]}, fp16:"
	if run 20 "$work/all/bin/cnn-step" -q --device cuda --profile --batch "${batches[0]}" --amp fp16 \
		-n "$profile_steps" "$work/1.cnn" "$work/train.tns" -o "$work/out.cnn" > "$work/profile" 2>&1; then
		say profile made - "in check.log"
	else
		omit profile "it failed; the log shows why"
	fi
	cat "$work/profile" >> "$log"
}
