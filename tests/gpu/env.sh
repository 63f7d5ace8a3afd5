# env.sh - sourced by bash: the bundle's tools, its libraries, and CUDA's where
# they are on this machine. A library that nobody has is left to its user to miss.
# shellcheck shell=bash
# shellcheck disable=SC2034  # what it sets is its users'

bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# What programs that are not the bundle's are to see.
machine_libraries=${LD_LIBRARY_PATH-}

# folders: where libraries of CUDA may be that the loader doesn't know of. Python's
# torch brings cuDNN and the runtime in folders of the package nvidia.
cuda_folders() {
	printf '%s\n' "${CUDA:-/usr/local/cuda}/lib64" /usr/local/cuda*/lib64
	python3 -c 'import glob, nvidia
for path in nvidia.__path__:
    print("\n".join(sorted(glob.glob(path + "/*/lib"))))' 2> /dev/null
}

# folder_of LIBRARY: where it is, `-` where the loader finds it by itself
folder_of() {
	local folder known
	known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2> /dev/null)
	case $known in
	*"$1 "*) echo - && return ;;
	esac
	IFS=: read -ra set <<< "$machine_libraries"
	for folder in "${set[@]}"; do
		[ -z "$folder" ] || [ ! -e "$folder/$1" ] || { echo - && return; }
	done
	while read -r folder; do
		[ ! -e "$folder/$1" ] || { echo "$folder" && return; }
	done < <(cuda_folders)
	return 1
}

LD_LIBRARY_PATH=$bundle/lib${machine_libraries:+:$machine_libraries}
cudart=$(folder_of libcudart.so.13) || cudart=''
cudnn=$(folder_of libcudnn.so.9) || cudnn=''
# cuDNN opens these when it needs them.
blas=$(folder_of libcublasLt.so.13) || blas=''
nvrtc=$(folder_of libnvrtc.so.13) || nvrtc=''
for folder in "$cudart" "$cudnn" "$blas" "$nvrtc"; do
	case :$LD_LIBRARY_PATH: in
	*:"$folder":*) ;;
	*) case $folder in ?*/*) LD_LIBRARY_PATH+=:$folder ;; esac ;;
	esac
done
PATH=$bundle/bin:$PATH
export PATH LD_LIBRARY_PATH

# unpack FOLDER: the plugins, into FOLDER/plugins
unpack() {
	xz -dc "$bundle/plugins.tar.xz" |
		(umask 022 && tar -C "$1" --no-same-owner -xf -)
}

# "${on_machine[@]}" COMMAND...: with the libraries of the machine alone
on_machine=(env -u LD_LIBRARY_PATH)
[ -z "$machine_libraries" ] || on_machine=(env LD_LIBRARY_PATH="$machine_libraries")
