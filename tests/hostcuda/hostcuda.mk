# hostcuda.mk - the library of toolkit.mk, and its tests. Included by tests.mk.

hostcuda_so := $(BUILD)/hostcuda/libhostcuda.so

# --- the library ---------------------------------------------------------------------

hostcuda_obj := $(patsubst $(hostcuda)/%.c,$(BUILD)/hostcuda/obj/%.o,$(wildcard $(hostcuda)/*.c))

$(BUILD)/hostcuda/obj/%.o: $(hostcuda)/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE -I$(hostcuda)/include -fPIC -fvisibility=hidden \
		-Wall -Wextra $(warn) $(CFLAGS) $(if $(filter hooks,$*),,$(hostcuda_asan)) -MMD -MP -c -o $@ $<

$(hostcuda_so): $(hostcuda_obj)
	$(CC) $(CFLAGS) $(hostcuda_asan) -shared -Wl,-z,defs -o $@ $^ -pthread

# --- its tests -------------------------------------------------------------------------
#
# Each kernel of bad/ has one fault, and a sound variant. bad/run checks both. Each is
# built twice, plain and traced.

hostcuda_tests := $(patsubst $(hostcuda)/%.cu,$(BUILD)/hostcuda/%,$(wildcard $(hostcuda)/test-*.cu))
hostcuda_bad := $(patsubst $(hostcuda)/bad/%.cu,%,$(wildcard $(hostcuda)/bad/*.cu))
hostcuda_bad_so := $(hostcuda_bad:%=$(BUILD)/hostcuda/bad/plain/%.so) \
	$(hostcuda_bad:%=$(BUILD)/hostcuda/bad/trace/%.so)
hostcuda_compile = $(CXX) $(hostcuda_cxxflags) -O1 -g -MMD -MP -MF $(basename $@).d -MT $@ -c

$(BUILD)/hostcuda/test-%: $(hostcuda)/test-%.cu $(hostcuda_so)
	$(hostcuda_compile) $(hostcuda_plain) $(hostcuda_asan) -o $@.o $<
	$(CXX) $(hostcuda_asan) -o $@ $@.o $(hostcuda_libs)

$(BUILD)/hostcuda/bad/plain/%.so: $(hostcuda)/bad/%.cu $(hostcuda_so)
	@mkdir -p $(@D)
	$(hostcuda_compile) $(hostcuda_plain) $(hostcuda_asan) -o $(@:.so=.o) $<
	$(CXX) $(hostcuda_asan) -shared -Wl,-z,defs -o $@ $(@:.so=.o) $(hostcuda_libs)

$(BUILD)/hostcuda/bad/trace/%.so: $(hostcuda)/bad/%.cu $(hostcuda_so)
	@mkdir -p $(@D)
	$(hostcuda_compile) $(hostcuda_trace) -o $(@:.so=.o) $<
	$(CXX) -shared -Wl,-z,defs -o $@ $(@:.so=.o) $(hostcuda_libs)

$(BUILD)/hostcuda/bad/run: $(hostcuda)/bad/run.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE -Wall -Wextra $(CFLAGS) $(hostcuda_asan) \
		-MMD -MP -MF $@.d -o $@ $< -ldl

.PHONY: hostcuda hostcuda-tests check-hostcuda
hostcuda: $(hostcuda_so)
hostcuda-tests: $(hostcuda_tests) $(hostcuda_bad_so) $(BUILD)/hostcuda/bad/run
check-hostcuda: hostcuda-tests
	@for t in $(hostcuda_tests) $(hostcuda)/test-header.sh; do $$t || exit 1; done
	@$(BUILD)/hostcuda/bad/run $(BUILD)/hostcuda/bad

-include $(hostcuda_obj:.o=.d) $(hostcuda_tests:=.d) $(hostcuda_bad_so:.so=.d) \
	$(BUILD)/hostcuda/bad/run.d
