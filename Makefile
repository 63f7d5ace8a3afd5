# cnntools: build, install, check, demo, bench. `make help` lists the targets.
#
#   make [CC=clang] [WERROR=1] [BUILD=build] [BIN=bin]
#   make install [prefix=/usr/local] [DESTDIR=]

VERSION := 0.1.0

CC      ?= cc
CFLAGS  ?= -O2 -g
# Not from the environment: BIN may mean another folder there, and clean empties both.
BUILD   := build
BIN     := bin
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
libdir  ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir  ?= $(prefix)/share/man
datadir ?= $(prefix)/share/cnntools
docdir  ?= $(prefix)/share/doc/cnntools
# Where the tools look: beside the folder that they are in.
plugindir := $(abspath $(bindir)/..)/lib/cnntools/plugins
PKG_CONFIG ?= pkg-config
comma := ,
INSTALL ?= install

ifneq ($(words x$(BUILD)x x$(BIN)x x$(DESTDIR)x x$(prefix)x),4)
$(error BUILD, BIN, DESTDIR and prefix can hold no blank)
endif
# Who wants a clean tree and something in it wants them in this order.
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# --- flags -------------------------------------------------------------------

# Debian 12 calls msgpack-c's file msgpack, Debian 13 msgpack-c.
MSGPACK := $(shell $(PKG_CONFIG) --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PKGS    := $(MSGPACK) libxxhash libarchive libpng zlib libcrypto

warn    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wno-missing-field-initializers
ifneq ($(WERROR),)
warn    += -Werror
endif
std     := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
cppflags := -Ilibcore/include -DCNN_VERSION='"$(VERSION)"' $(CPPFLAGS)
# A header of the project is named by its place, "base/error.h"; plugins see cnn/ alone.
rooms    := -iquote libcore -iquote .
compile  = $(CC) $(std) $(cppflags) $(warn) $(CFLAGS) $(SANITIZE) -MMD -MP

# --- sources -----------------------------------------------------------------

core_src    := $(wildcard libcore/*/*.c)
formats_src := $(wildcard formats/*.c formats/*/*.c)
tools_src   := $(wildcard tools/*.c)
parts_src   := $(wildcard tools/*/*.c)
tools       := $(patsubst tools/%.c,$(BIN)/%,$(tools_src))
unit_src    := $(wildcard tests/unit/*.c)
unit_tests  := $(patsubst %.c,$(BUILD)/%,$(unit_src))
conformance_src := $(wildcard tests/conformance/*.c)

core_obj    := $(core_src:%.c=$(BUILD)/obj/%.o)
formats_obj := $(formats_src:%.c=$(BUILD)/obj/%.o)
parts_obj   := $(parts_src:%.c=$(BUILD)/obj/%.o)
unit_obj    := $(unit_src:%.c=$(BUILD)/obj/%.o)
conformance_obj := $(conformance_src:%.c=$(BUILD)/obj/%.o)
libcore     := $(BUILD)/libcnn.a
libformats  := $(BUILD)/libformats.a
# What tools/NAME.c is made of besides lies in tools/NAME/; in an archive, so that tests
# can link it too.
libtools    := $(BUILD)/libtools.a
archives    := $(libtools) $(libformats) $(libcore)

.PHONY: all tools plugins
all: tools plugins                          ## the tools and the plugins (what plain `make` does)
tools: $(tools)
.SECONDARY:

# Changes when the compiler, its flags or the list of sources do: what is made of them
# is then made anew.
stamp := $(BUILD)/flags
.PHONY: always
$(stamp): always
	@$(shell mkdir -p $(@D))$(file >$@.new,$(filter-out -Werror,$(compile)) $(LDFLAGS) \
		$(core_src) $(formats_src) $(parts_src))cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/obj/%.o: %.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(rooms) $(pkg_cflags) -c -o $@ $<

# Asked for once, and only where something is built.
pkg_cflags = $(eval pkg_cflags := $$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(pkg_libs)
link       = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -Wl,--as-needed -o $@ \
             $(filter %.o,$^) $(filter %.a,$^) $(pkg_libs)

$(libcore): $(core_obj)
$(libformats): $(formats_obj)
$(libtools): $(parts_obj)
$(archives): $(stamp)
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(BIN)/%: $(BUILD)/obj/tools/%.o $(archives)
	@mkdir -p $(@D)
	$(link) $(LIBS_$*) -lm -ldl -pthread
LIBS_mnist-fetch = $(shell $(PKG_CONFIG) --libs libcurl)

# --- plugins: plugins/DEVICE/PROVIDER/NAME.c -> build/plugins/…/NAME.so -------
#
# A provider's folder may hold provider.mk, which sets for DEVICE_PROVIDER:
# COMMON_x (its files that go into each of its plugins), CFLAGS_x, LIBS_x, and
# SKIP_x (why it can't be built here). The umask matters: the loader refuses
# what others may write.

-include $(wildcard plugins/cpu/*/provider.mk)
cpu_providers := $(foreach d,$(wildcard plugins/cpu/*/),$(notdir $(patsubst %/,%,$(d))))

plugin_flags := -fPIC -fvisibility=hidden -shared -Wl,-z,defs -Wl,--as-needed

# $(1): device, $(2): provider, $(3): the set's folder, $(4): more flags
define provider_rules
$(1)_$(2)_common := $$(addprefix plugins/$(1)/$(2)/,$$(COMMON_$(1)_$(2)))
$(1)_$(2)_src := $$(filter-out $$($(1)_$(2)_common),$$(wildcard plugins/$(1)/$(2)/*.c))
$(3)_so += $$(if $$(SKIP_$(1)_$(2)),,$$(patsubst plugins/%.c,$(3)/%.so,$$($(1)_$(2)_src)))
$(3)/$(1)/$(2)/%.so: plugins/$(1)/$(2)/%.c $$($(1)_$(2)_common) $$(wildcard plugins/$(1)/$(2)/*.h) $(stamp)
	@umask 022; mkdir -p $$(@D)
	umask 022; $$(compile) $$(plugin_flags) $$(LDFLAGS) $$(CFLAGS_$(1)_$(2)) $(4) -MF $$(@:.so=.d) -o $$@ $$< $$($(1)_$(2)_common) $$(LIBS_$(1)_$(2)) -lm
endef
$(foreach p,$(cpu_providers),$(eval $(call provider_rules,cpu,$(p),$(BUILD)/plugins,)))
cpu_so := $($(BUILD)/plugins_so)
# One whose source is gone would still be found.
stale_so := $(filter-out $(patsubst plugins/%.c,$(BUILD)/plugins/%.so,$(wildcard plugins/*/*/*.c)),$(wildcard $(BUILD)/plugins/*/*/*.so))
plugins: $(cpu_so)
	$(if $(stale_so),rm -f $(stale_so))
	$(foreach p,$(cpu_providers),$(if $(SKIP_cpu_$(p)),@echo "cpu/$(p) is not built: $(SKIP_cpu_$(p))"))

# --- plugins for CUDA: kernels in .cu, the rest in C ----------------------------
#
# A provider.mk sets besides, for a plugin of the folder, or for all as
# DEVICE_PROVIDER: KERNELS_x, the .cu files whose objects it links, and PARTS_x,
# the .c files that it is made of besides its own. CUDA=/path/to/toolkit and NVCC
# say where; without nvcc the set is left out. Cards that are not named get their
# code from the PTX when it is first run.

CUDA ?= /usr/local/cuda
NVCC ?= $(firstword $(wildcard $(CUDA)/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
CUDA_ARCHS ?= 75 80 86 89 90 100 120
CUDA_PTX ?= $(or $(filter 90,$(CUDA_ARCHS)),$(lastword $(CUDA_ARCHS)))
cuda_targets := $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
                $(foreach a,$(CUDA_PTX),-gencode arch=compute_$(a),code=compute_$(a))
nvcc_compile = $(NVCC) -std=c++17 -O3 $(cuda_targets) --compress-mode=size \
               -Werror all-warnings --threads 2 \
               -Ilibcore/include -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra

-include $(wildcard plugins/cuda/*/provider.mk)
cuda_providers := $(foreach d,$(wildcard plugins/cuda/*/),$(notdir $(patsubst %/,%,$(d))))
SKIP_cuda = $(if $(NVCC),,no nvcc: set CUDA or NVCC)

$(BUILD)/obj/plugins/cuda/%.o: plugins/cuda/%.cu
	@mkdir -p $(@D)
	$(nvcc_compile) -MD -MF $(@:.o=.d) -c -o $@ $<

# $(1): provider, $(2): the set's folder, $(3): where the kernels' objects are,
# $(4): flags for C, $(5): the runtime to link
cuda_plugins = $(filter-out $(COMMON_cuda_$(1)) $(PARTS_cuda_$(1)),$(notdir $(wildcard plugins/cuda/$(1)/*.c)))
cuda_folder = $(addprefix plugins/cuda/$(1)/,$(2))
define cuda_rules
$(2)_cuda_so += $$(if $$(SKIP_cuda_$(1)),,$(patsubst %.c,$(2)/cuda/$(1)/%.so,$(cuda_plugins)))
$(foreach k,$(cuda_plugins:.c=),
$(2)/cuda/$(1)/$(k).so: $(call cuda_folder,$(1),$(COMMON_cuda_$(1)) $(PARTS_cuda_$(1)_$(k))) $(patsubst %,$(3)/plugins/cuda/$(1)/%.o,$(KERNELS_cuda_$(1)) $(KERNELS_cuda_$(1)_$(k))))
$(2)/cuda/$(1)/%.so: plugins/cuda/$(1)/%.c $(wildcard plugins/cuda/$(1)/*.h) $(stamp)
	@umask 022; mkdir -p $$(@D)
	umask 022; $$(compile) $$(plugin_flags) $$(LDFLAGS) $$(CFLAGS_cuda_$(1)) $(4) -MF $$(@:.so=.d) -o $$@ $$(filter %.c %.o,$$^) $$(LIBS_cuda_$(1)) $(5) -lstdc++ -lm
endef
cuda_libs = -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64
$(foreach p,$(cuda_providers),$(eval $(call cuda_rules,$(p),$(BUILD)/plugins,$(BUILD)/obj,-I$(CUDA)/include,$(cuda_libs) -lcudart)))
cuda_so := $(if $(SKIP_cuda),,$($(BUILD)/plugins_cuda_so))

.PHONY: cuda
cuda: $(cuda_so)                            ## the plugins for NVIDIA's GPUs alone (part of all where nvcc is found)
	$(if $(SKIP_cuda),@echo "the cuda plugins are not built: $(SKIP_cuda)")
	$(foreach p,$(cuda_providers),$(if $(SKIP_cuda_$(p)),@echo "cuda/$(p) is not built: $(SKIP_cuda_$(p))"))

plugins: cuda
plugins_so := $(cpu_so) $(cuda_so)

# The same .cu and .c files for the tests' own runtime, which runs kernels on the
# CPU: once for speed, once with every access to memory looked at.
include tests/hostcuda/hostcuda.mk
host_cuda = $(BUILD)/hostcuda/plugins
traced_cuda = $(BUILD)/hostcuda/traced
$(BUILD)/hostcuda/obj/plugins/cuda/native/%.o: plugins/cuda/native/%.cu
	@mkdir -p $(@D)
	$(CXX) $(hostcuda_cxxflags) $(hostcuda_plain) $(hostcuda_asan) -Ilibcore/include -O2 -g -MMD -MP -c -o $@ $<
$(BUILD)/hostcuda/obj-traced/plugins/cuda/native/%.o: plugins/cuda/native/%.cu
	@mkdir -p $(@D)
	$(CXX) $(hostcuda_cxxflags) $(hostcuda_trace) -Ilibcore/include -O1 -g -MMD -MP -c -o $@ $<
$(eval $(call cuda_rules,native,$(host_cuda),$(BUILD)/hostcuda/obj,$(hostcuda_cflags),$(hostcuda_libs)))
$(eval $(call cuda_rules,native,$(traced_cuda),$(BUILD)/hostcuda/obj-traced,$(hostcuda_cflags),$(hostcuda_libs)))
host_cuda_so := $($(host_cuda)_cuda_so) $($(traced_cuda)_cuda_so)
$(host_cuda_so): $(hostcuda_so)
include tests/cudnn/cudnn.mk

# --- install -------------------------------------------------------------------

# What a plugin is written against; the library itself is the tools' own.
headers  := plugin types
examples := $(shell find examples -type f 2>/dev/null)
man      := $(wildcard man/*.[157])
installed_man := $(foreach m,$(man),$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
put      := umask 022; $(INSTALL)

.PHONY: install uninstall
install: all                                ## to prefix (/usr/local) below DESTDIR
	$(put) -d $(addprefix $(DESTDIR),$(bindir) $(includedir)/cnn $(libdir)/pkgconfig $(docdir) $(plugindir))
	$(put) -m 755 $(tools) $(DESTDIR)$(bindir)
	$(put) -m 644 $(headers:%=libcore/include/cnn/%.h) $(DESTDIR)$(includedir)/cnn
	$(put) -m 644 $(wildcard README.md) LICENSE $(DESTDIR)$(docdir)
	@umask 022; set -e; \
	for p in $(plugins_so:$(BUILD)/plugins/%=%); do \
		$(INSTALL) -D -m 644 $(BUILD)/plugins/$$p $(DESTDIR)$(plugindir)/$$p; done; \
	for m in $(man); do \
		$(INSTALL) -D -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}; done; \
	for e in $(examples); do mode=644; [ ! -x $$e ] || mode=755; \
		$(INSTALL) -D -m $$mode $$e $(DESTDIR)$(datadir)/$$e; done
	@echo "$(plugindir), $(mandir), $(datadir)/examples: installed"
	@umask 022; sed -e 's|@prefix@|$(prefix)|; s|@includedir@|$(includedir:$(prefix)/%=$${prefix}/%)|' \
		-e 's|@plugindir@|$(plugindir:$(prefix)/%=$${prefix}/%)|; s|@version@|$(VERSION)|' \
		build-aux/cnntools.pc.in > $(DESTDIR)$(libdir)/pkgconfig/cnntools.pc

# Plugins that another machine's compiler or libraries would have given, too.
uninstall:                                  ## takes away what install brought
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(tools))) \
		$(addprefix $(DESTDIR),$(installed_man)) $(examples:%=$(DESTDIR)$(datadir)/%) \
		$(headers:%=$(DESTDIR)$(includedir)/cnn/%.h) \
		$(patsubst plugins/%.c,$(DESTDIR)$(plugindir)/%.so,$(wildcard plugins/*/*/*.c)) \
		$(DESTDIR)$(docdir)/README.md $(DESTDIR)$(docdir)/LICENSE \
		$(DESTDIR)$(libdir)/pkgconfig/cnntools.pc
	@for d in $(addprefix $(DESTDIR),$(datadir) $(plugindir:/plugins=) $(includedir)/cnn $(docdir)); do \
		[ ! -d $$d ] || find $$d -depth -type d -empty -delete; done

# --- what is needed --------------------------------------------------------------

.PHONY: deps deps-dev deps-lint deps-bench
deps:                                       ## installs what building and running need, where it is missing
	@build-aux/deps.sh run
deps-dev:                                   ## installs what the tests need besides
	@build-aux/deps.sh run dev
deps-lint:                                  ## installs what lint needs besides
	@build-aux/deps.sh run lint
deps-bench:                                 ## installs the benchmark's peers
	@build-aux/deps.sh run bench

# make again: what was just installed is found, and every core used.
again = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# --- demo ------------------------------------------------------------------------

.PHONY: demo bench
demo: deps                                  ## trains the seed network on MNIST and shows what it learnt
	@$(again) all
	@BIN=$(BIN) BUILD=$(BUILD) examples/demo.sh

bench: all                                  ## an epoch beside PyTorch's (PEERS=no: alone), start-up times
	@[ "$(PEERS)" = no ] || build-aux/deps.sh --check bench
	@BIN=$(BIN) BUILD=$(BUILD) PEERS=$(or $(PEERS),yes) tests/bench/run

# --- tests -----------------------------------------------------------------------

# The oracle in double, and providers that are wrong.
$(eval $(call provider_rules,cpu,ref,$(BUILD)/plugins-f64,-DCNN_REF_DOUBLE))
bad_so := $(patsubst tests/conformance/bad/%.c,$(BUILD)/plugins-bad/cpu/bad/%.so,$(wildcard tests/conformance/bad/*.c))
$(BUILD)/plugins-bad/cpu/bad/%.so: tests/conformance/bad/%.c
	@umask 022; mkdir -p $(@D)
	umask 022; $(compile) $(plugin_flags) -MF $(@:.so=.d) -o $@ $< -lm

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(archives)
	@mkdir -p $(@D)
	$(link) -lm -ldl -pthread

$(BUILD)/tests/conformance/conformance: $(conformance_obj) $(libcore)
	@mkdir -p $(@D)
	$(link) -lm -ldl -pthread

.PHONY: gpu-bundle
gpu-bundle: all $(BUILD)/tests/conformance/conformance $($(BUILD)/plugins-f64_so) ## a folder for a machine with a GPU, and gpu-check.sh in it
	@BIN=$(BIN) BUILD=$(BUILD) CUDA=$(CUDA) CC='$(CC)' tests/gpu/bundle.sh

.PHONY: test-programs check check-built test check-asan coverage lint
test-programs: hostcuda-tests $(host_cuda_so) $(cudnn_programs) $(cudnn_fake_so) $(unit_tests) $(BUILD)/tests/conformance/conformance $(bad_so) $($(BUILD)/plugins-f64_so)

check:                                      ## builds and runs all tests; installs nothing
	@build-aux/deps.sh --check run dev
	@$(again) all test-programs fuzz-programs
	@BIN=$(BIN) BUILD=$(BUILD) CC='$(CC)' tests/run

test: deps-dev                              ## deps-dev, then check
	@$(MAKE) --no-print-directory check

# Folders of its own; the tools in bin find ../build/plugins there too.
check-asan:                                 ## unit tests, conformance and tools under ASan and UBSan
	@$(again) BUILD=build/asan/build BIN=build/asan/bin \
		CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' \
		all test-programs
	@BUILD=build/asan/build BIN=build/asan/bin CC='$(CC)' SANITIZED=1 \
		ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1:intercept_tls_get_addr=0 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/build-aux/lsan.supp:print_suppressions=0 \
		UBSAN_OPTIONS=print_stacktrace=1 tests/run unit conformance bats

# Folders of its own as well. The plugins are not counted, and those for CUDA not
# built. A program that is killed leaves no counts.
coverage:                                   ## what of libcore and formats the tests reach (SUITES="unit bats": those)
	@$(again) BUILD=build/coverage/build BIN=build/coverage/bin NVCC= CFLAGS='-O1 -g' \
		SANITIZE='--coverage -fprofile-update=atomic' \
		plugin_flags='$(plugin_flags) -fno-profile-arcs -fno-test-coverage' \
		all test-programs
	@find build/coverage -name '*.gcda' -delete
	@status=0; export BUILD=build/coverage/build BIN=build/coverage/bin NVCC= CC='$(CC)'; \
		tests/run $(or $(SUITES),unit conformance bats faults) || status=1; \
		build-aux/coverage.sh || status=1; exit $$status

lint:                                       ## warnings of gcc and clang as errors, clang-tidy, cppcheck, mandoc
	@build-aux/deps.sh --check run lint
	@build-aux/lint.sh

# --- fuzzing ---------------------------------------------------------------------

# By clang's libFuzzer, in folders of its own; where there is none, tests/fuzz/run
# says so. The plugins find the sanitizers' functions in the program that opens
# them. Some calls are counted by tests/fuzz/fuzz.c.
FUZZ_CC ?= clang
fuzz_common  := $(addprefix $(BUILD)/obj/tests/fuzz/,fuzz.o mend.o compute.o)
fuzz_src     := $(wildcard tests/fuzz/fuzz-*.c)
fuzz_targets := $(fuzz_src:tests/fuzz/%.c=$(BIN)/%)
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
fuzz-targets: $(fuzz_targets) $(BIN)/pack $(filter $(BUILD)/plugins/cpu/ref/%,$(cpu_so))
fuzz-programs:
	@! $(has_fuzzer) || $(MAKE) --no-print-directory NVCC= CC=$(FUZZ_CC) \
		BUILD=$(BUILD)/fuzz/build BIN=$(BUILD)/fuzz/bin \
		CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		plugin_flags='-fPIC -fvisibility=hidden -shared' fuzz-targets

fuzz:                                       ## each fuzz target for SECONDS (60), two at a time
	@$(again) all fuzz-programs
	@BIN=$(BIN) BUILD=$(BUILD) SECONDS_EACH=$(or $(SECONDS),60) tests/fuzz/run

# --- the rest ----------------------------------------------------------------------

.PHONY: clean help
clean:                                      ## takes away what was built
	rm -rf $(BUILD) $(BIN)

help:                                       ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

-include $(core_obj:.o=.d) $(formats_obj:.o=.d) $(tools_src:%.c=$(BUILD)/obj/%.d) \
         $(parts_obj:.o=.d) \
         $(unit_obj:.o=.d) $(conformance_obj:.o=.d) $(bad_so:.so=.d) \
         $(fuzz_src:%.c=$(BUILD)/obj/%.d) $(fuzz_common:.o=.d) \
         $(plugins_so:.so=.d) $($(BUILD)/plugins-f64_so:.so=.d) $(host_cuda_so:.so=.d) \
         $(wildcard $(foreach d,obj hostcuda/obj hostcuda/obj-traced,$(BUILD)/$(d)/plugins/cuda/*/*.d))
