# The tests of plugins/cuda/cudnn that need no GPU. For the main Makefile, after
# tests/hostcuda/hostcuda.mk.
#
# plans and graphs: what the provider refuses, and which of cuDNN's plans build. They
# link the objects that the plugins are made of.
cudnn_programs := $(if $(SKIP_cuda)$(SKIP_cuda_cudnn),,$(addprefix $(BUILD)/tests/cudnn/,plans graphs))
cudnn_src := plugins/cuda/cudnn
cudnn_include = $(CFLAGS_cuda_cudnn) -I$(CUDA)/include

$(BUILD)/tests/cudnn/%: tests/cudnn/%.c $(addprefix $(cudnn_src)/,graphs.c check.c engines.c) \
		$(wildcard $(cudnn_src)/*.h)
	@mkdir -p $(@D)
	$(compile) $(cudnn_include) -MF $@.d -o $@ $(filter %.c,$^) $(LDFLAGS) $(LIBS_cuda_cudnn)

# The plugins on hostcuda and fake.h's cuDNN, beside those of cuda/native that are no
# convolutions.
cudnn_fake := $(BUILD)/tests/cudnn/plugins
cudnn_beside := $(filter-out conv2d%,$(patsubst $(host_cuda)/cuda/native/%,%, \
	$(filter $(host_cuda)/%,$(host_cuda_so))))
cudnn_fake_so := $(if $(cudnn_programs),$(patsubst %.c,$(cudnn_fake)/cuda/cudnn/%.so,$(notdir \
	$(filter-out $(addprefix $(cudnn_src)/,$(COMMON_cuda_cudnn)),$(wildcard $(cudnn_src)/*.c)))) \
	$(cudnn_beside:%=$(cudnn_fake)/cuda/native/%))
cudnn_fake_obj := $(addprefix $(BUILD)/tests/cudnn/,fake.o fake-run.o fake-kernels.o)
cudnn_fake_cxx = $(CXX) $(hostcuda_cxxflags) $(hostcuda_plain) $(hostcuda_asan) $(cudnn_include) \
	-Ilibcore/include -O2 -g -MMD -MP

$(cudnn_fake_obj): $(BUILD)/tests/cudnn/%.o: tests/cudnn/%.cu
	@mkdir -p $(@D)
	$(cudnn_fake_cxx) -c -o $@ $<
$(BUILD)/tests/cudnn/kernels.o: $(cudnn_src)/kernels.cu
	@mkdir -p $(@D)
	$(cudnn_fake_cxx) -c -o $@ $<
$(BUILD)/tests/cudnn/libfakecudnn.so: $(cudnn_fake_obj) $(hostcuda_so)
	$(CXX) $(hostcuda_asan) -shared -Wl,-z,defs -o $@ $(cudnn_fake_obj) $(hostcuda_libs)

$(cudnn_fake)/cuda/cudnn/%.so: $(cudnn_src)/%.c $(addprefix $(cudnn_src)/,$(COMMON_cuda_cudnn)) \
		$(BUILD)/tests/cudnn/kernels.o $(BUILD)/tests/cudnn/libfakecudnn.so \
		$(wildcard $(cudnn_src)/*.h)
	@umask 022; mkdir -p $(@D)
	umask 022; $(compile) $(plugin_flags) $(hostcuda_cflags) $(cudnn_include) -MF $(@:.so=.d) -o $@ \
		$(filter %.c,$^) $(BUILD)/tests/cudnn/kernels.o -L$(BUILD)/tests/cudnn -lfakecudnn \
		-Wl,-rpath,'$(abspath $(BUILD)/tests/cudnn)' $(hostcuda_libs) -lstdc++ -lm
$(cudnn_fake)/cuda/native/%.so: $(host_cuda)/cuda/native/%.so
	@umask 022; mkdir -p $(@D)
	umask 022; cp $< $@

-include $(cudnn_programs:=.d) $(cudnn_fake_obj:.o=.d) $(BUILD)/tests/cudnn/kernels.d \
	$(cudnn_fake_so:.so=.d)
