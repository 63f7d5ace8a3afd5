# sprint.mk - what a second buys: trains sprint.net on MNIST for one epoch, ten times
# with different seeds, and prints the seconds and the accuracy of each run.
#
#     make -f examples/sprint.mk
#     make -f examples/sprint.mk SEEDS='1 2 3' DATASET=strokes
#
# The seconds are those on the clock from the start of the tools to a written model.
# They include reading the data, which lie in a file, but not fetching them. The runs
# take turns, each on all cores of the CPU. A seed is not trained twice, unless another
# setting changes too: every setting that affects a file is part of the file's path.

SEEDS   := 1 2 3 4 5 6 7 8 9 10
DATASET := mnist
OUT     := sprint-out

here := $(dir $(lastword $(MAKEFILE_LIST)))
NET  := $(here)sprint.net
# Use the tools of this source tree, otherwise those in PATH.
BIN  := $(here)../bin
export PATH := $(abspath $(BIN)):$(PATH)

# bfloat16 pays if the CPU has instructions for it. (Make before 4.4 exports nothing to
# what it calls here.)
AMP    := $(shell PATH='$(PATH)'; cnn-info --devices | grep -q '^device *cpu .*avx512bf16' && echo bf16 || echo off)
RECIPE := --device cpu --amp $(AMP) --batch 48 --shard-size 24 --lr 0.005 \
          --optimizer adam:beta1=0.8,beta2=0.98

# The net and the recipe are named by the checksum of their texts.
data := $(OUT)/$(DATASET)
runs := $(data)/$(notdir $(basename $(NET)))-$(firstword $(shell \
	{ cat '$(NET)'; echo '$(RECIPE)'; } | cksum))

SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: table clean

# Seeds, seconds and accuracies. The last line has the median of the seconds and the
# mean of the accuracies. The table is not a file: it depends on which seeds it shows.
table: $(SEEDS:%=$(runs)/%.tsv)
	@{ printf 'seed\tseconds\taccuracy\n'; cat $^; \
		sort -n -k 2,2 $^ | awk '{ seconds[NR] = $$2; sum += $$3 } \
			END { printf "all\t%.3f\t%.4f\n", (seconds[int((NR + 1) / 2)] + \
				seconds[int(NR / 2) + 1]) / 2, sum / NR }'; }

$(sort $(SEEDS:%=$(runs)/%.tsv)): %.tsv: %.cnn $(data)/test.tns
	@printf '%s\t%s\t%s\n' $(*F) "$$(cat $*.seconds)" \
		"$$(cnn-eval --tsv $^ | awk -F '\t' '$$1 == "accuracy" { print $$2 }')" > $@

$(runs)/%.cnn: $(data)/train.tns | $(NET)
	@mkdir -p $(@D)
	@echo 'cnn-init --seed $* $(NET) | cnn-step --seed $* $(RECIPE) $< -o $@'
	@TIMEFORMAT=%R; { time { cnn-init --seed $* $(NET) | \
		cnn-step -q --seed $* $(RECIPE) $< -o $@ 2>&3; }; \
	} 3>&2 2> $(runs)/$*.seconds

$(data)/train.tns $(data)/test.tns: $(data)/%.tns:
	@mkdir -p $(@D)
	mnist-fetch -q -d $(DATASET) $* -o $@

clean:
	rm -rf $(OUT)
