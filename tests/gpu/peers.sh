# peers.sh - sourced by gpu-check.sh: times the same network in PyTorch
# shellcheck shell=bash
# shellcheck disable=SC2154  # python, work, batches ...: set in gpu-check.sh

commas() {
	local IFS=,
	echo "$*"
}

# keys MODES BATCHES PRECISIONS: the keys of these combinations in the report
keys() {
	eval "echo torch.{$1,}.b{$2,}.{$3,}" | tr ' ' '\n' | grep -v '\.\.\|\.b\.\|\.$'
}

# begin_peer NAME SECONDS MODES BATCHES PRECISIONS: starts a process that imports torch,
# which may take minutes the first time, and then waits for its turn. From then on it
# has SECONDS, or less if the deadline is nearer. Each line is reported as it arrives.
declare -A peer_pid=() peer_keys=()
begin_peer() {
	local name=$1 limit=$2 key value unit detail
	[ "$python" ] || return 0
	shift 2
	peer_keys[$name]=$(keys "$@")
	{
		"${on_machine[@]}" PYTHONUNBUFFERED=1 "$python" "$bundle/torch_mnist.py" \
			--data "$work" --device "$torch_device" --epochs "$torch_epochs" \
			--mode "$1" --batch "$2" --precision "$3" \
			--wait "$work/turn.$name" --import-limit 150 --limit "$limit" \
			2>> "$log" || log "! torch, $name: exit status $?"
	} | while IFS=$'\t' read -r key value unit detail; do
		case $key in
		version.* | time.torch.import)
			! grep -q "^$key	" "$report" || continue ;;
		esac
		say "$key" "$value" "$unit" "$detail"
		case $key in
		torch.*) show "$(printf '%-34s %9s %s  (%s)' "$key" "$value" "$unit" "$detail")" ;;
		esac
	done &
	peer_pid[$name]=$!
}

# reported KEY: true if the report has it
reported() {
	awk -F '\t' -v key="$1" '$1 == key && $2 != "left-out" { found = 1 } END { exit !found }' "$report"
}

# await_peer NAME: starts its turn, and waits for its end or the deadline
await_peer() {
	local key
	[ "$python" ] || return 0
	echo "$(($(left) - 3))" > "$work/turn.new"
	mv "$work/turn.new" "$work/turn.$1"
	while kill -0 "${peer_pid[$1]}" 2> /dev/null && [ "$(left)" -gt 0 ]; do
		sleep 0.1
	done
	for key in ${peer_keys[$1]}; do
		reported "$key" || omit "$key" "not reached; the log may show why"
	done
}

peer() {
	if [ -z "$python" ]; then
		omit torch "no python3 with torch"
		return
	fi
	await_peer first
	ratios
}

# One process per precision: a failed capture may affect later measurements.
begin_peers() {
	local batches_left
	# The main figures, if the first parts did not report them.
	reported "torch.graph.b${batches[0]}.fp16" || begin_peer again 60 eager,graph "${batches[0]}" fp16
	batches_left=$(commas "${batches[@]:1}")
	begin_peer fp16 40 fused "${batches[0]}" fp16
	[ -z "$batches_left" ] || begin_peer fp16.large 40 eager,graph "$batches_left" fp16
	begin_peer f32 40 eager,graph "$(commas "${batches[@]}")" f32
	begin_peer bf16 40 eager,graph "$(commas "${batches[@]}")" bf16
	begin_peer tf32 40 graph "$(commas "${batches[@]}")" tf32
}

peers() {
	local name
	for name in again fp16 fp16.large f32 bf16 tf32; do
		[ -n "${peer_pid[$name]-}" ] || continue
		room "torch.$name" 15 && await_peer $name
	done
	ratios
}

# Compiling takes far longer than running, so this part is last.
compiled() {
	[ "$python" ] || return 0
	room torch.compile 60 || return
	begin_peer compile 120 compile "${batches[0]}" fp16
	await_peer compile
}

# PyTorch's time divided by that of cnntools, for each combination.
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
