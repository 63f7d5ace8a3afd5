# The tests of plugins/cuda/cudnn that need no GPU. Included by tests.mk, after
# hostcuda.mk.
#
# plans and graphs test which graphs the provider refuses and which of cuDNN's plans
# build. They link the plugins' objects.
cudnn_programs := $(if $(SKIP_cuda)$(SKIP_cuda_cudnn),,$(addprefix $(BUILD)/tests/cudnn/,plans graphs))
cudnn_src := plugins/cuda/cudnn

$(BUILD)/obj/tests/cudnn/%.o: tests/cudnn/%.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(CFLAGS_cuda) $(CFLAGS_cuda_cudnn) -c -o $@ $<
$(BUILD)/tests/cudnn/%: $(BUILD)/obj/tests/cudnn/%.o \
		$(addprefix $(BUILD)/obj/$(cudnn_src)/,library.o graphs.o check.o engines.o)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIBS_cuda_cudnn)

# The plugins on hostcuda and fake.h's cuDNN, beside those of cuda/native. make runs again with a library in place of cuDNN.
cudnn_fake := $(BUILD)/tests/cudnn
cudnn_fake_obj := $(addprefix $(cudnn_fake)/,fake.o fake-run.o fake-kernels.o)
$(cudnn_fake_obj): $(cudnn_fake)/%.o: tests/cudnn/%.cu
	@mkdir -p $(@D)
	$(CXX) $(hostcuda_cxxflags) $(hostcuda_plain) $(hostcuda_asan) $(CFLAGS_cuda_cudnn) \
		-I$(CUDA)/include -Ilibcore/include -O2 -g -MMD -MP -c -o $@ $<
$(cudnn_fake)/libfakecudnn.so: $(cudnn_fake_obj) $(hostcuda_so)
	$(CXX) $(hostcuda_asan) -shared -Wl,-z,defs -o $@ $(cudnn_fake_obj) $(hostcuda_libs)

.PHONY: cudnn-tests cudnn-plugins
cudnn-tests: $(cudnn_programs) $(if $(cudnn_programs),cudnn-plugins)
cudnn-plugins: $(cudnn_fake)/libfakecudnn.so host-cuda
	@$(MAKE) --no-print-directory HOSTCUDA=plain HOSTCUDA_LIB=$(BUILD)/hostcuda BUILD=$(cudnn_fake) \
		CFLAGS_cuda='-DCNN_HOSTCUDA -DCUDNN_FILE=libfakecudnn.so -I$(hostcuda)/include -I$(CUDA)/include' \
		LIBS_cuda_cudnn="-Wl,-rpath,'$(abspath $(cudnn_fake))' -ldl" cuda-cudnn
	@umask 022; mkdir -p $(cudnn_fake)/plugins/cuda/native; \
	for so in $(cudnn_fake)/plugins/cuda/native/*.so; do \
		[ -e $(BUILD)/hostcuda/plugins/cuda/native/$${so##*/} ] || rm -f $$so; done; \
	for so in $(BUILD)/hostcuda/plugins/cuda/native/*.so; do \
		cmp -s $$so $(cudnn_fake)/plugins/cuda/native/$${so##*/} || \
			cp $$so $(cudnn_fake)/plugins/cuda/native/; done

-include $(cudnn_fake_obj:.o=.d)
