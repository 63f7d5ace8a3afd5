# cnntools: build, install, check, demo, bench. `make help` lists the targets.
#
#   make [CC=clang] [WERROR=1] [BUILD=build] [BIN=bin]
#   make install [prefix=/usr/local] [DESTDIR=]

VERSION := 0.1.0

CC      ?= cc
CFLAGS  ?= -O2 -g
BUILD   ?= build
BIN     ?= bin
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
libdir  ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir  ?= $(prefix)/share/man
datadir ?= $(prefix)/share/cnntools
docdir  ?= $(prefix)/share/doc/cnntools
PKG_CONFIG ?= pkg-config

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
compile  = $(CC) $(std) $(cppflags) $(warn) $(CFLAGS) $(SANITIZE) -MMD -MP

# --- sources -----------------------------------------------------------------

core_src    := $(wildcard libcore/*.c libcore/layers/*.c)
formats_src := $(wildcard formats/*.c formats/source/*.c)
tools_src   := $(wildcard tools/*.c)
tools       := $(patsubst tools/%.c,$(BIN)/%,$(tools_src))

core_obj    := $(core_src:%.c=$(BUILD)/obj/%.o)
formats_obj := $(formats_src:%.c=$(BUILD)/obj/%.o)
libcore     := $(BUILD)/libcnn.a
libformats  := $(BUILD)/libformats.a

.PHONY: all tools plugins clean help
all: tools plugins
tools: $(tools)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(compile) $(pkg_cflags) -c -o $@ $<

# Asked for once, and only where something is built.
pkg_cflags = $(eval pkg_cflags := $$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(pkg_libs)

$(libcore): $(core_obj)
$(libformats): $(formats_obj)
$(libcore) $(libformats):
	@rm -f $@
	$(AR) rcs $@ $^

$(BIN)/%: $(BUILD)/obj/tools/%.o $(libformats) $(libcore)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -Wl,--as-needed -o $@ $^ $(pkg_libs) $(LIBS_$*) -lm -ldl -pthread
LIBS_mnist-fetch = $(shell $(PKG_CONFIG) --libs libcurl)

# --- plugins: plugins/DEVICE/PROVIDER/NAME.c -> build/plugins/…/NAME.so -------
#
# A provider's folder may hold provider.mk, which sets for DEVICE_PROVIDER:
# COMMON_x (its files that go into each of its plugins), CFLAGS_x, LIBS_x, and
# SKIP_x (why it can't be built here).

-include $(wildcard plugins/cpu/*/provider.mk)
cpu_providers := $(foreach d,$(wildcard plugins/cpu/*/),$(notdir $(patsubst %/,%,$(d))))

plugin_flags := -fPIC -fvisibility=hidden -shared -Wl,-z,defs -Wl,--as-needed

# $(1): device, $(2): provider, $(3): the set's folder, $(4): more flags
define provider_rules
$(1)_$(2)_common := $$(addprefix plugins/$(1)/$(2)/,$$(COMMON_$(1)_$(2)))
$(1)_$(2)_src := $$(filter-out $$($(1)_$(2)_common),$$(wildcard plugins/$(1)/$(2)/*.c))
$(3)_so += $$(if $$(SKIP_$(1)_$(2)),,$$(patsubst plugins/%.c,$(3)/%.so,$$($(1)_$(2)_src)))
$(3)/$(1)/$(2)/%.so: plugins/$(1)/$(2)/%.c $$($(1)_$(2)_common) $$(wildcard plugins/$(1)/$(2)/*.h)
	@mkdir -p $$(@D)
	$$(compile) $$(plugin_flags) $$(CFLAGS_$(1)_$(2)) $(4) -MF $$(@:.so=.d) -o $$@ $$(filter %.c,$$^) $$(LIBS_$(1)_$(2)) -lm
endef
$(foreach p,$(cpu_providers),$(eval $(call provider_rules,cpu,$(p),$(BUILD)/plugins,)))
plugins: $($(BUILD)/plugins_so)

clean:
	rm -rf $(BUILD) $(BIN)

-include $(core_obj:.o=.d) $(formats_obj:.o=.d) $(tools_src:%.c=$(BUILD)/obj/%.d) \
         $($(BUILD)/plugins_so:.so=.d)
