# facts.sh - sourced by gpu-check.sh: the machine, its card, driver and libraries
# shellcheck shell=bash
# shellcheck disable=SC2154  # device, quick, work, bundle, python: see gpu-check.sh

facts() {
	local line
	say date "$(date -u +%F)"
	say commit "$(cat "$bundle/commit")"
	say mode "${quick:+quick, }${plugins_are:-the plugins of the bundle}" - \
		"${quick:+sizes are tiny, so times mean nothing}"
	say host "$(nproc)" cores "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	say system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" - \
		"glibc $(getconf GNU_LIBC_VERSION | awk '{ print $2 }')"
	card
	versions
	line=$(run 20 "$work/all/bin/cnn-info" --devices |
		awk '$2 ~ /^cuda(:|$)/ { sub(/^device +[^ ]+ +/, ""); print; exit }')
	case $line in
	'' | none:*) check devices 1 "${line:-no output of cnn-info}" ;;
	*) check devices 0 "$line" ;;
	esac
	run 20 "$work/all/bin/cnn-info" -vv >> "$log"
	chosen all >> "$log"
	linked
	loaded
}

# The card as nvidia-smi shows it. Its settings are read and never changed.
card() {
	local line
	if ! run 20 nvidia-smi -q -d PERFORMANCE,CLOCK,POWER,COMPUTE > "$work/smi"; then
		omit card "nvidia-smi does not answer"
		return
	fi
	cat "$work/smi" >> "$log"
	run 20 nvidia-smi >> "$log"
	line=$(run 20 nvidia-smi --format=csv,noheader --query-gpu=name,memory.total,compute_cap,driver_version,persistence_mode,pstate,clocks.sm,clocks.max.sm | head -n 1)
	IFS=, read -ra field <<< "${line//, /,}"
	say card "${field[0]:-unknown}" - "${field[1]-}, capability ${field[2]-}"
	say driver "${field[3]:-unknown}"
	say persistence "${field[4]:-unknown}" - "off: each start may have to wake the driver"
	say clocks "${field[6]:-unknown}" - "in state ${field[5]-} when idle; at most ${field[7]-}"
}

versions() {
	local line key file function
	for line in cudart:libcudart.so.13:cudaRuntimeGetVersion cudnn:libcudnn.so.9:cudnnGetVersion; do
		IFS=: read -r key file function <<< "$line"
		say "version.$key" "$(library_version "$file" "$function")"
	done
}

# library_version LIBRARY FUNCTION: the version that the library itself returns
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

# chosen TREE: the kernels that train the seed network with that tree's plugins
chosen() {
	run 20 "$work/$1/bin/cnn-info" --training --device cuda "$work/1.cnn"
	run 20 "$work/$1/bin/cnn-info" --training --device cuda --amp fp16 "$work/1.cnn"
}

# Checks that the loader finds every library that a plugin is linked with.
linked() {
	local plugin missing
	for plugin in "$work/all/$plugins"/cuda/*/*.so; do
		ldd "$plugin" 2>> "$log" | awk -v p="${plugin##*/cuda/}" '/not found/ { print p ": " $1 }'
	done > "$work/missing"
	cat "$work/missing" >> "$log"
	missing=$(awk 'NR <= 3 { printf "%s%s", (NR > 1 ? ", " : ""), $0 }' "$work/missing")
	check libraries "$([ -z "$missing" ]; echo $?)" "${missing:-every plugin finds its libraries}"
}

# Reports the libraries that a short run loads.
loaded() {
	local large
	cd "$work" || return
	rm -f ld.*
	LD_DEBUG=libs LD_DEBUG_OUTPUT=ld step all --amp fp16 --batch 16 -n 3 1.cnn train.tns -o out.cnn
	cat ld.* 2>> "$log" | awk '/calling init: / { n = split($NF, part, "/"); print part[n] }' |
		sort -u > loaded
	rm -f ld.*
	log "loaded: $(tr '\n' ' ' < loaded)"
	large=$(grep -E '^lib(cu|nv)' loaded | tr '\n' ' ') || large=''
	say libraries.loaded "$(wc -l < loaded)" libraries "of CUDA: ${large:-none}"
	target libraries.cublaslt "$(grep -ci cublaslt loaded)" most 0 "times loaded"
}
