# cnntools: build, install, check, demo, bench. `make help` lists the targets.
#
#   make [CC=clang] [WERROR=1] [BUILD=build] [BIN=bin]
#   make CFLAGS='-O2 -g'                      for a debugger
#   make install [prefix=/usr/local] [DESTDIR=]

VERSION := 0.1.0

CC      ?= cc
CFLAGS  ?= -O2
# Not from the environment: BIN may name another folder there, and clean removes both.
BUILD   := build
BIN     := bin
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
libdir  ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir  ?= $(prefix)/share/man
datadir ?= $(prefix)/share/cnntools
docdir  ?= $(prefix)/share/doc/cnntools
# The tools search plugins beside the folder that they are in.
plugindir := $(abspath $(bindir)/..)/lib/cnntools/plugins
referencedir := $(plugindir:/plugins=/reference)
PKG_CONFIG ?= pkg-config
comma := ,
INSTALL ?= install

ifneq ($(words x$(BUILD)x x$(BIN)x x$(DESTDIR)x x$(prefix)x),4)
$(error BUILD, BIN, DESTDIR and prefix can hold no blank)
endif
# `make clean all` must run these targets in this order.
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# --- flags -------------------------------------------------------------------

# msgpack-c's pkg-config file is msgpack on Debian 12 and msgpack-c on Debian 13.
MSGPACK := $(shell $(PKG_CONFIG) --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PKGS    := $(MSGPACK) libxxhash libarchive libpng zlib liblzma libzstd libcrypto

warn    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wno-missing-field-initializers
ifneq ($(WERROR),)
warn    += -Werror
endif
std     := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
cppflags := -Ilibcore/include -DCNN_VERSION='"$(VERSION)"' $(CPPFLAGS)
# Sources include a header of the project by its path, "base/error.h". Plugins see
# only cnn/.
rooms    := -iquote libcore -iquote .
compile  = $(CC) $(std) $(cppflags) $(warn) $(CFLAGS) $(SANITIZE) -MMD -MP

# --- sources -----------------------------------------------------------------

core_src    := $(wildcard libcore/*/*.c)
formats_src := $(wildcard formats/*.c formats/*/*.c)
tools_src   := $(wildcard tools/*.c)
parts_src   := $(wildcard tools/*/*.c)
tools       := $(patsubst tools/%.c,$(BIN)/%,$(tools_src))

libcore     := $(BUILD)/libcnn.a
libformats  := $(BUILD)/libformats.a
# The other sources of tools/NAME.c lie in tools/NAME/. They go into an archive, so that
# tests can link them too.
libtools    := $(BUILD)/libtools.a
archives    := $(libtools) $(libformats) $(libcore)

.PHONY: all tools plugins reference
all: tools plugins reference                ## build the tools and the plugins (the default)
tools: $(tools)
.SECONDARY:

# Changes if the compiler, its flags or the list of sources change. Everything that
# depends on these is then rebuilt.
stamp := $(BUILD)/flags
.PHONY: always
$(stamp): always
	@$(shell mkdir -p $(@D))$(file >$@.new,$(filter-out -Werror,$(compile)) $(LDFLAGS) \
		$(core_src) $(formats_src) $(parts_src))cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# --- objects -------------------------------------------------------------------
#
# Each source is compiled once: PLACE/NAME.c to obj/PLACE/NAME.o. A plugin's source also
# gets the flags of its device and provider, and does not see the host's headers.

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# plugins/cpu/ref/relu -> cpu, cpu_ref
device_of   = $(word 2,$(subst /, ,$(1)))
provider_of = $(device_of)_$(word 3,$(subst /, ,$(1)))
flags_of    = $(if $(filter plugins/%,$(1)),$(plugin_cflags) $(CFLAGS_$(device_of)) \
              $(CFLAGS_$(provider_of)),$(rooms) $(pkg_cflags))

$(BUILD)/obj/%.o: %.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(call flags_of,$*) -c -o $@ $<

# Evaluated once, and only if something is built.
pkg_cflags = $(eval pkg_cflags := $$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(pkg_libs)
link       = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -Wl,--as-needed -o $@ \
             $(filter %.o,$^) $(filter %.a,$^) $(pkg_libs) -lbz2

$(libcore): $(call objects,$(core_src))
$(libformats): $(call objects,$(formats_src))
$(libtools): $(call objects,$(parts_src))
$(archives): $(stamp)
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(BIN)/%: $(BUILD)/obj/tools/%.o $(archives)
	@mkdir -p $(@D)
	$(link) $(LIBS_$*) -lm -ldl -pthread
LIBS_mnist-fetch = $(shell $(PKG_CONFIG) --libs libcurl)

# --- the CUDA toolkit -----------------------------------------------------------
#
# CUDA=/path/to/toolkit and NVCC set the place of nvcc. Without nvcc these plugins are
# not built. A card that CUDA_ARCHS does not name gets its code from the PTX on first
# use.

CUDA ?= /usr/local/cuda
NVCC ?= $(firstword $(wildcard $(CUDA)/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
CUDA_ARCHS ?= 75 80 86 89 90 100 120
CUDA_PTX ?= $(or $(filter 90,$(CUDA_ARCHS)),$(lastword $(CUDA_ARCHS)))
cuda_targets := $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
                $(foreach a,$(CUDA_PTX),-gencode arch=compute_$(a),code=compute_$(a))
cuda_compile = $(NVCC) -std=c++17 -O3 $(cuda_targets) --compress-mode=size \
               -Werror all-warnings --threads 2 \
               -Ilibcore/include -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra
CFLAGS_cuda  = -I$(CUDA)/include
LIBS_cuda    = -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64 -lcudart -lstdc++
SKIP_cuda    = $(if $(NVCC),,no nvcc: set CUDA or NVCC)
# The tests' own runtime replaces it if HOSTCUDA is set.
include tests/hostcuda/toolkit.mk

# --- plugins: plugins/DEVICE/PROVIDER/NAME.c -> build/plugins/…/NAME.so -------
#
# A provider's folder may hold provider.mk, which sets for DEVICE_PROVIDER:
#   COMMON_x      its files that go into each of its plugins
#   PARTS_x_NAME  its files that go into NAME.so, besides NAME.c
#   PARTS_x       all files that are parts of some plugin
#   LEVELED_x     its files that are compiled once per level of the instruction set.
#                 LEVELS_x names the levels, LEVELS_x_NAME those of NAME.c if they
#                 are others, LEVEL_CFLAGS_x_LEVEL has the flags. The files see LEVEL,
#                 the level's name
#   CFLAGS_x, LIBS_x, and SKIP_x (why it cannot be built here)
# Files are .c, or .cu for a device whose kernels are CUDA C++. The umask matters: the
# loader refuses files that others may write.

plugin_cflags  := -fPIC -fvisibility=hidden
plugin_ldflags := -shared -Wl,-z,defs -Wl,--as-needed

providers := $(patsubst plugins/%/,%,$(wildcard plugins/*/*/))
-include $(wildcard plugins/*/*/provider.mk)

# $(1): cpu_ref, $(2): a leveled file of it. Gives the file's levels
levels_of = $(or $(LEVELS_$(1)_$(2:.c=)),$(LEVELS_$(1)))

# $(1): cpu/ref, $(2): cpu_ref, $(3): files of it. Gives their objects
part_objects = $(foreach f,$(3),$(if $(filter $(f),$(LEVELED_$(2))), \
	$(foreach l,$(call levels_of,$(2),$(f)),$(BUILD)/obj/plugins/$(1)/$(f:.c=.$(l).o)), \
	$(BUILD)/obj/plugins/$(1)/$(patsubst %.cu,%.cu.o,$(f:.c=.o))))

# $(1): cpu/ref, $(2): cpu_ref
define provider_rules
$(2)_names := $$(filter-out $$(COMMON_$(2):.c=) $$(PARTS_$(2):.c=) $$(LEVELED_$(2):.c=), \
	$$(patsubst plugins/$(1)/%.c,%,$$(wildcard plugins/$(1)/*.c)))
$(2)_so := $$(if $$(SKIP_$(2)),,$$($(2)_names:%=$(BUILD)/plugins/$(1)/%.so))
$$(foreach n,$$($(2)_names),$$(eval $(BUILD)/plugins/$(1)/$$(n).so: \
	$$(call part_objects,$(1),$(2),$$(n).c $$(COMMON_$(2)) $$(PARTS_$(2)_$$(n)))))
.PHONY: $(subst /,-,$(1))
$(subst /,-,$(1)): $$($(2)_so)
	$$(call remove,$$(filter-out $$^,$$(wildcard $(BUILD)/plugins/$(1)/*.so)))
$$(foreach l,$$(sort $$(foreach f,$$(LEVELED_$(2)),$$(call levels_of,$(2),$$(f)))), \
	$$(eval $$(call level_rule,$(1),$(2),$$(l))))
endef
define level_rule
$(BUILD)/obj/plugins/$(1)/%.$(3).o: plugins/$(1)/%.c $(stamp)
	@mkdir -p $$(@D)
	$$(compile) $$(call flags_of,plugins/$(1)/$$*) $(LEVEL_CFLAGS_$(2)_$(3)) -DLEVEL=$(3) -c -o $$@ $$<
endef
$(foreach p,$(providers),$(eval $(call provider_rules,$(p),$(subst /,_,$(p)))))

define link_plugin
@umask 022; mkdir -p $(@D)
umask 022; $(CC) $(CFLAGS) $(SANITIZE) $(plugin_ldflags) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	$(LIBS_$(call provider_of,plugins/$*)) $(LIBS_$(call device_of,plugins/$*)) -lm
endef
$(BUILD)/plugins/%.so: $(stamp)
	$(link_plugin)

# $(1): device. Gives its providers that can be built here, and why the others cannot
so_of     = $(foreach p,$(filter $(1)/%,$(providers)),$($(subst /,_,$(p))_so))
not_built = $(foreach p,$(filter $(1)/%,$(providers)),$(if $(SKIP_$(subst /,_,$(p))),@echo "$(p) is not built: $(SKIP_$(subst /,_,$(p)))"$(newline)))
define newline


endef
cpu_so  := $(call so_of,cpu)
cuda_so := $(if $(SKIP_cuda),,$(call so_of,cuda))
plugins_so := $(cpu_so) $(cuda_so)
# A plugin whose source was removed would still be found, so remove it.
remove = $(if $(strip $(1)),rm -f $(1))
plugins: $(cpu_so) cuda
	$(call remove,$(filter-out $(patsubst plugins/%.c,$(BUILD)/plugins/%.so, \
		$(wildcard plugins/*/*/*.c)),$(wildcard $(BUILD)/plugins/*/*/*.so)))
	$(call not_built,cpu)

# --- ref in double ------------------------------------------------------------------
#
# cnn-plugin-check and the tests compare other kernels with it. It has a folder of its
# own, where no run finds it.

reference_so := $(cpu_ref_names:%=$(BUILD)/reference/cpu/ref/%.so)
reference: $(reference_so)
	$(call remove,$(filter-out $^,$(wildcard $(BUILD)/reference/cpu/ref/*.so)))

$(BUILD)/obj/reference/%.o: plugins/%.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(call flags_of,plugins/$*) -DCNN_REF_DOUBLE -c -o $@ $<

$(BUILD)/reference/%.so: $(BUILD)/obj/reference/%.o \
		$(COMMON_cpu_ref:%.c=$(BUILD)/obj/reference/cpu/ref/%.o) $(stamp)
	$(link_plugin)

# --- plugins for CUDA ------------------------------------------------------------

$(BUILD)/obj/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(cuda_compile) -MD -MF $(@:.o=.d) -c -o $@ $<

.PHONY: cuda
cuda: $(cuda_so)                            ## build only the plugins for NVIDIA GPUs (part of all if nvcc is found)
	$(if $(SKIP_cuda),@echo "the cuda plugins are not built: $(SKIP_cuda)",$(call not_built,cuda))

# --- install -------------------------------------------------------------------

# The headers for plugins; only the tools use the library itself.
headers  := plugin types
examples := $(shell find examples -type f 2>/dev/null)
man      := $(wildcard man/*.[157])
installed_man := $(foreach m,$(man),$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
put      := umask 022; $(INSTALL)

.PHONY: install uninstall
install: all                                ## install below DESTDIR and prefix (/usr/local)
	$(put) -d $(addprefix $(DESTDIR),$(bindir) $(includedir)/cnn $(libdir)/pkgconfig $(docdir) $(plugindir))
	$(put) -m 755 $(tools) $(DESTDIR)$(bindir)
	$(put) -m 644 $(headers:%=libcore/include/cnn/%.h) $(DESTDIR)$(includedir)/cnn
	$(put) -m 644 $(wildcard README.md) LICENSE $(DESTDIR)$(docdir)
	@umask 022; set -e; \
	for p in $(plugins_so:$(BUILD)/plugins/%=%); do \
		$(INSTALL) -D -m 644 $(BUILD)/plugins/$$p $(DESTDIR)$(plugindir)/$$p; done; \
	for p in $(reference_so:$(BUILD)/reference/%=%); do \
		$(INSTALL) -D -m 644 $(BUILD)/reference/$$p $(DESTDIR)$(referencedir)/$$p; done; \
	for m in $(man); do \
		$(INSTALL) -D -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}; done; \
	for e in $(examples); do mode=644; [ ! -x $$e ] || mode=755; \
		$(INSTALL) -D -m $$mode $$e $(DESTDIR)$(datadir)/$$e; done
	@echo "$(plugindir), $(mandir), $(datadir)/examples: installed"
	@umask 022; sed -e 's|@prefix@|$(prefix)|; s|@includedir@|$(includedir:$(prefix)/%=$${prefix}/%)|' \
		-e 's|@plugindir@|$(plugindir:$(prefix)/%=$${prefix}/%)|; s|@version@|$(VERSION)|' \
		build-aux/cnntools.pc.in > $(DESTDIR)$(libdir)/pkgconfig/cnntools.pc

# Also removes plugins that were built with another compiler or other libraries.
uninstall:                                  ## remove the installed files
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(tools))) \
		$(addprefix $(DESTDIR),$(installed_man)) $(examples:%=$(DESTDIR)$(datadir)/%) \
		$(headers:%=$(DESTDIR)$(includedir)/cnn/%.h) \
		$(patsubst plugins/%.c,$(DESTDIR)$(plugindir)/%.so,$(wildcard plugins/*/*/*.c)) \
		$(patsubst plugins/%.c,$(DESTDIR)$(referencedir)/%.so,$(wildcard plugins/cpu/ref/*.c)) \
		$(DESTDIR)$(docdir)/README.md $(DESTDIR)$(docdir)/LICENSE \
		$(DESTDIR)$(libdir)/pkgconfig/cnntools.pc
	@for d in $(addprefix $(DESTDIR),$(datadir) $(plugindir:/plugins=) $(includedir)/cnn $(docdir)); do \
		[ ! -d $$d ] || find $$d -depth -type d -empty -delete; done

# --- dependencies ----------------------------------------------------------------

.PHONY: deps deps-dev deps-lint deps-bench
deps:                                       ## install missing dependencies of building and running
	@build-aux/deps.sh run
deps-dev:                                   ## install missing dependencies of the tests as well
	@build-aux/deps.sh run dev
deps-lint:                                  ## install missing dependencies of lint as well
	@build-aux/deps.sh run lint
deps-bench:                                 ## install the frameworks that bench compares with
	@build-aux/deps.sh run bench

# A second make finds what was just installed, and uses all cores.
again = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# --- demo ------------------------------------------------------------------------

.PHONY: demo bench bench-quick
demo: deps                                  ## train the seed network on MNIST and show the result
	@$(again) all
	@BIN=$(BIN) BUILD=$(BUILD) examples/demo.sh

bench: all                                  ## time training, nets, start-up against PyTorch (PEERS=no: alone)
	@[ "$(PEERS)" = no ] || build-aux/deps.sh --check bench
	@BIN=$(BIN) BUILD=$(BUILD) PEERS=$(or $(PEERS),yes) tests/bench/run
bench-quick: all                            ## time a panel of nets against PyTorch, in two minutes (PEERS=no: alone)
	@BIN=$(BIN) BUILD=$(BUILD) PEERS=$(or $(PEERS),yes) QUICK=yes tests/bench/run

include tests/tests.mk

# --- the rest ----------------------------------------------------------------------

.PHONY: clean help
clean:                                      ## remove build output
	rm -rf $(BUILD) $(BIN)

help:                                       ## print this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile tests/tests.mk

# The dependencies of each object.
-include $(shell [ ! -d $(BUILD) ] || find $(BUILD)/obj -name '*.d')
