# env.sh - sourced by bash: sets the paths of the bundle's tools and libraries, and of
# CUDA's if this machine has them. Does not report missing libraries.
# shellcheck shell=bash
# shellcheck disable=SC2034  # used by the scripts that source this

bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# For programs that are not in the bundle.
machine_libraries=${LD_LIBRARY_PATH-}

# cuda_folders: folders outside the loader's path that may have CUDA's libraries. The
# Python package torch installs cuDNN and the runtime in folders of the package nvidia.
cuda_folders() {
	printf '%s\n' "${CUDA:-/usr/local/cuda}/lib64" /usr/local/cuda*/lib64
	python3 -c 'import glob, nvidia
for path in nvidia.__path__:
    print("\n".join(sorted(glob.glob(path + "/*/lib"))))' 2> /dev/null
}

# folder_of LIBRARY: its folder, or `-` if the loader finds it by itself
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
# cuDNN opens these on demand.
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

# unpack FOLDER: unpacks the plugins into FOLDER/plugins
unpack() {
	xz -dc "$bundle/plugins.tar.xz" |
		(umask 022 && tar -C "$1" --no-same-owner -xf -)
}

# "${on_machine[@]}" COMMAND...: runs COMMAND without the bundle's libraries
on_machine=(env -u LD_LIBRARY_PATH)
[ -z "$machine_libraries" ] || on_machine=(env LD_LIBRARY_PATH="$machine_libraries")
