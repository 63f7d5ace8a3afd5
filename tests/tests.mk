# tests.mk - targets for tests only. Included by the main Makefile.
#
# Other builds of the same sources run make again with another BUILD.

unit_src    := $(wildcard tests/unit/*.c)
unit_tests  := $(patsubst %.c,$(BUILD)/%,$(unit_src))
conformance := $(BUILD)/tests/conformance/conformance

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(archives)
	@mkdir -p $(@D)
	$(link) -lm -ldl -pthread

$(conformance): $(call objects,$(wildcard tests/conformance/*.c)) $(archives)
	@mkdir -p $(@D)
	$(link) -lm -ldl -pthread

# Faulty providers.
bad_so := $(patsubst tests/conformance/bad/%.c,$(BUILD)/plugins-bad/cpu/bad/%.so,$(wildcard tests/conformance/bad/*.c))
$(BUILD)/plugins-bad/cpu/bad/%.so: tests/conformance/bad/%.c $(stamp) $(wildcard tests/conformance/bad/*.h plugins/cpu/ref/*.h) libcore/include/cnn/plugin.h
	@umask 022; mkdir -p $(@D)
	umask 022; $(compile) $(plugin_cflags) $(plugin_ldflags) -MF $(@:.so=.d) -o $@ $< -lm

# cpu/native's convolutions with AMX alone, whose instructions are emulated.
amx_so := $(if $(filter amx.c,$(PARTS_cpu_native_conv)),$(BUILD)/tests/amx/conv.so)
amx_objects := $(patsubst %,$(BUILD)/obj/tests/amx/%.o,amx amx-kernels conv)
$(amx_objects): $(BUILD)/obj/tests/amx/%.o: plugins/cpu/native/%.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(call flags_of,plugins/cpu/native/$*) -DAMX_EMULATED -DLEVEL=amx \
		$(if $(filter %-kernels,$*),$(LEVEL_CFLAGS_cpu_native_amx)) -c -o $@ $<
$(amx_so): $(amx_objects) $(call part_objects,cpu/native,cpu_native,$(COMMON_cpu_native) \
		$(filter-out amx%,$(PARTS_cpu_native_conv)))
	@umask 022; mkdir -p $(@D)
	umask 022; $(CC) $(CFLAGS) $(SANITIZE) $(plugin_ldflags) $(LDFLAGS) -o $@ $^ -lm

# --- other builds --------------------------------------------------------------------

include tests/hostcuda/hostcuda.mk
include tests/cudnn/cudnn.mk

.PHONY: tsan host-cuda
# Executors side by side under ThreadSanitizer. libgomp, which oneDNN uses, is not
# instrumented. With clang the plugins get the sanitizer's functions from the program.
tsan:
	@$(MAKE) --no-print-directory NVCC= BUILD=$(BUILD)/tsan CFLAGS='-O1 -g' \
		SANITIZE=-fsanitize=thread plugin_ldflags=-shared cpu-ref cpu-native $(BUILD)/tsan/tests/unit/test-executors

# The CUDA plugins for the tests' own runtime: a fast build and a traced one.
host-cuda: $(hostcuda_so)
	@$(MAKE) --no-print-directory HOSTCUDA=plain HOSTCUDA_LIB=$(BUILD)/hostcuda \
		BUILD=$(BUILD)/hostcuda cuda-native
	@$(MAKE) --no-print-directory HOSTCUDA=trace HOSTCUDA_LIB=$(BUILD)/hostcuda \
		BUILD=$(BUILD)/hostcuda/traced cuda-native

# --- targets -------------------------------------------------------------------------

.PHONY: test-programs check check-full test check-asan coverage gpu-bundle
test-programs: hostcuda-tests host-cuda cudnn-tests reference tsan $(unit_tests) $(conformance) $(bad_so) $(amx_so)

check:                                      ## build and run all tests; install nothing
	@build-aux/deps.sh --check run dev
	@$(again) all test-programs fuzz-programs
	@BIN=$(BIN) BUILD=$(BUILD) CC='$(CC)' FULL=$(FULL) TEST_TIMEOUT=$(TEST_TIMEOUT) tests/run

check-full:                                 ## run check with complete instead of sampled sweeps
	@$(MAKE) --no-print-directory check FULL=1 TEST_TIMEOUT=7200

test: deps-dev                              ## run deps-dev, then check
	@$(MAKE) --no-print-directory check

# In folders of its own; the tools in bin find ../build/plugins there too.
check-asan:                                 ## run unit tests, conformance and tools under ASan and UBSan
	@$(again) BUILD=build/asan/build BIN=build/asan/bin \
		CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' \
		all test-programs
	@BUILD=build/asan/build BIN=build/asan/bin CC='$(CC)' SANITIZED=1 \
		ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1:intercept_tls_get_addr=0 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/build-aux/lsan.supp:print_suppressions=0 \
		UBSAN_OPTIONS=print_stacktrace=1 tests/run unit conformance bats

# In folders of its own too. Plugins are not counted, and the CUDA plugins are not
# built. A program that is killed writes no counts.
coverage:                                   ## measure the coverage of libcore, formats and tools (SUITES="unit bats": by those)
	@$(again) BUILD=build/coverage/build BIN=build/coverage/bin NVCC= CFLAGS='-O1 -g' \
		SANITIZE='--coverage -fprofile-update=atomic' \
		plugin_cflags='$(plugin_cflags) -fno-profile-arcs -fno-test-coverage' \
		all test-programs
	@find build/coverage -name '*.gcda' -delete
	@status=0; export BUILD=build/coverage/build BIN=build/coverage/bin NVCC= CC='$(CC)'; \
		tests/run $(or $(SUITES),unit conformance bats faults) || status=1; \
		build-aux/coverage.sh || status=1; exit $$status

gpu-bundle: all $(conformance)          ## make a folder for a machine with a GPU, with gpu-check.sh in it
	@BIN=$(BIN) BUILD=$(BUILD) CUDA=$(CUDA) CC='$(CC)' tests/gpu/bundle.sh

.PHONY: lint
lint:                                       ## run gcc and clang (warnings are errors), clang-format, clang-tidy, cppcheck, mandoc
	@build-aux/deps.sh --check run lint
	@build-aux/lint.sh

.PHONY: format
format:                                     ## lay the C and CUDA sources out with clang-format 14
	@build-aux/format.sh -i

# --- fuzzing ---------------------------------------------------------------------

# With clang's libFuzzer, in folders of its own. If it is missing, tests/fuzz/run reports
# that. The plugins use the sanitizers' functions of the program that opens them.
# tests/fuzz/fuzz.c counts some calls.
FUZZ_CC ?= clang
fuzz_common  := $(addprefix $(BUILD)/obj/tests/fuzz/,fuzz.o mend.o compute.o)
fuzz_targets := $(patsubst tests/fuzz/%.c,$(BIN)/%,$(wildcard tests/fuzz/fuzz-*.c))
fuzz_wraps   := archive_read_data inflate malloc calloc realloc reallocarray aligned_alloc
$(fuzz_targets): $(BIN)/%: $(BUILD)/obj/tests/fuzz/%.o $(fuzz_common) $(archives)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer -rdynamic $(fuzz_wraps:%=-Wl,--wrap=%) -lm -ldl -pthread
$(BIN)/pack: $(BUILD)/obj/tests/fuzz/pack.o
	@mkdir -p $(@D)
	$(link)

has_fuzzer = echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	$(FUZZ_CC) -fsanitize=fuzzer -x c -o /dev/null - 2> /dev/null

.PHONY: fuzz fuzz-programs fuzz-targets
fuzz-targets: $(fuzz_targets) $(BIN)/pack cpu-ref
fuzz-programs:
	@! $(has_fuzzer) || $(MAKE) --no-print-directory NVCC= CC=$(FUZZ_CC) \
		BUILD=$(BUILD)/fuzz/build BIN=$(BUILD)/fuzz/bin \
		CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		plugin_ldflags='-shared' fuzz-targets

fuzz:                                       ## run each fuzz target for SECONDS (60), two at a time
	@$(again) all fuzz-programs
	@BIN=$(BIN) BUILD=$(BUILD) SECONDS_EACH=$(or $(SECONDS),60) tests/fuzz/run
