# The parts of each plugin of cuda/native, besides its own file and native.c.
COMMON_cuda_native := native.c
PARTS_cuda_native_device := tensor.cu step.cu
PARTS_cuda_native_relu := layers.cu
PARTS_cuda_native_dropout := layers.cu
PARTS_cuda_native_add := layers.cu
PARTS_cuda_native_cross_entropy := layers.cu
PARTS_cuda_native_flatten := tensor.cu
PARTS_cuda_native_maxpool2d := pool.cu
PARTS_cuda_native_avgpool2d := pool.cu
PARTS_cuda_native_batchnorm2d := batchnorm.cu batchnorm-sums.cu
PARTS_cuda_native_optimizer-adam := optimizers.cu
PARTS_cuda_native_optimizer-sgd := optimizers.cu

# Convolutions and linear layers.
PARTS_cuda_native := conv.c conv-shape.c
$(foreach p,conv2d conv2d+relu conv2d+relu+maxpool2d linear linear+relu flatten+linear \
	flatten+linear+relu,$(eval PARTS_cuda_native_$(p) := \
	conv.c conv-shape.c conv-forward.cu conv-backward.cu conv-small.cu))
