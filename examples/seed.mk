# seed.mk - an experiment driven by make: the seed network at three learning
# rates, each with a chain of models, and a table of their accuracies.
#
#     make -j2 -f examples/seed.mk
#     make -f examples/seed.mk DATASET=strokes LRS='0.001 0.01' LINKS=3 STEPS=100
#
# Each link of a chain continues exactly where the one before stopped, bit for bit.
# No model is trained twice: you may interrupt and restart make, raise LINKS, or add
# a rate.

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
export PATH := $(abspath $(here)../bin):$(PATH)
# One thread per chain; make's -j sets how many run. The bytes do not depend on it.
step := cnn-step --threads 1 --steps $(STEPS) -q

links  := $(shell seq $(LINKS))
evals  := $(foreach lr,$(LRS),$(foreach n,$(links),$(OUT)/lr-$(lr)/$(n).tsv))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: table clean

table: $(OUT)/table.tsv
	@cat $<

$(OUT)/table.tsv: $(evals)
	awk -F '\t' ' \
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
				print "" } }' $^ > $@

$(OUT)/%.tsv: $(OUT)/%.cnn $(OUT)/test.tns
	cnn-eval --tsv $^ > $@

# $(1): rate, $(2): link
define link
$(OUT)/lr-$(1)/$(2).cnn: $(OUT)/train.tns $(if $(filter 1,$(2)),$(OUT)/init.cnn,$(OUT)/lr-$(1)/$(shell expr $(2) - 1).cnn)
	@mkdir -p $$(@D)
	$(step) $(if $(filter 1,$(2)),--lr $(1) --batch $(BATCH) --seed $(SEED),--resume) $$^ -o $$@
endef
$(foreach lr,$(LRS),$(foreach n,$(links),$(eval $(call link,$(lr),$(n)))))

$(OUT)/init.cnn: $(NET)
	@mkdir -p $(@D)
	cnn-init --seed $(SEED) $< -o $@

$(OUT)/train.tns $(OUT)/test.tns: $(OUT)/%.tns:
	@mkdir -p $(@D)
	mnist-fetch -q -d $(DATASET) $* -o $@

clean:
	rm -rf $(OUT)
