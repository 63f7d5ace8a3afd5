# seed.mk - an experiment driven by make: the seed network at three learning
# rates, each with a chain of models, and a table of their accuracies.
#
#     make -j2 -f examples/seed.mk
#     make -f examples/seed.mk DATASET=strokes LRS='0.001 0.01' LINKS=3 STEPS=100
#
# Each link of a chain continues exactly where the one before stopped, bit for bit.
# No model is trained twice: you may interrupt and restart make, change a setting, and
# change it back. Every setting that affects a file is part of the file's path.

LRS     := 0.0003 0.001 0.003
LINKS   := 3
STEPS   := 938
BATCH   := 64
SEED    := 1
DATASET := mnist
OUT     := seed-out

here := $(dir $(lastword $(MAKEFILE_LIST)))
NET  := $(here)seed.net
# Use the tools of this source tree, otherwise those in PATH.
BIN  := $(here)../bin
export PATH := $(abspath $(BIN)):$(PATH)
# One thread per chain; make's -j sets how many run. The bytes do not depend on it.
step := cnn-step --threads 1 --steps $(STEPS) -q

# The net is named by its text, because an edited file keeps its path.
net    := $(notdir $(basename $(NET)))-$(firstword $(shell cksum < '$(NET)'))
data   := $(OUT)/$(DATASET)
chains := $(data)/$(net)/seed-$(SEED)-batch-$(BATCH)-steps-$(STEPS)
links  := $(shell seq $(LINKS))
evals  := $(foreach lr,$(LRS),$(foreach n,$(links),$(chains)/lr-$(lr)/$(n).tsv))

.DELETE_ON_ERROR:
.PHONY: table clean

# The table is not a file: it depends on which rates and links it shows.
table: $(evals)
	@awk -F '\t' ' \
		FNR == 1 { n = split(FILENAME, part, "/"); \
			lr = substr(part[n - 1], 4); link = part[n] + 0; \
			if (link == 1) rates[++count] = lr; \
			if (link > last) last = link } \
		$$1 == "accuracy" { accuracy[lr, link] = $$2 } \
		END { printf "steps"; \
			for (i = 1; i <= count; i++) printf "\tlr=%s", rates[i]; print ""; \
			for (link = 1; link <= last; link++) { printf "%d", link * $(STEPS); \
				for (i = 1; i <= count; i++) \
					printf "\t%.4f", accuracy[rates[i], link]; \
				print "" } }' $^ < /dev/null

$(chains)/%.tsv: $(chains)/%.cnn $(data)/test.tns
	cnn-eval --tsv $^ > $@

# $(1): rate, $(2): link
define link
$(chains)/lr-$(1)/$(2).cnn: $(data)/train.tns $(chains)/$(if $(filter 1,$(2)),init,lr-$(1)/$(shell expr $(2) - 1)).cnn
	@mkdir -p $$(@D)
	$(step) $(if $(filter 1,$(2)),--lr $(1) --batch $(BATCH) --seed $(SEED),--resume) $$^ -o $$@
endef
$(foreach lr,$(sort $(LRS)),$(foreach n,$(links),$(eval $(call link,$(lr),$(n)))))

$(chains)/init.cnn: | $(NET)
	@mkdir -p $(@D)
	cnn-init --seed $(SEED) $(NET) -o $@

$(data)/train.tns $(data)/test.tns: $(data)/%.tns:
	@mkdir -p $(@D)
	mnist-fetch -q -d $(DATASET) $* -o $@

clean:
	rm -rf $(OUT)
