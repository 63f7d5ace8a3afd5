# What each plugin of cuda/native is linked with: the objects of these .cu files,
# besides native.c.
COMMON_cuda_native := native.c
KERNELS_cuda_native_device := tensor step
KERNELS_cuda_native_relu := layers
KERNELS_cuda_native_dropout := layers
KERNELS_cuda_native_add := layers
KERNELS_cuda_native_cross_entropy := layers
KERNELS_cuda_native_flatten := tensor
KERNELS_cuda_native_maxpool2d := pool
KERNELS_cuda_native_avgpool2d := pool
KERNELS_cuda_native_batchnorm2d := batchnorm batchnorm-sums
KERNELS_cuda_native_optimizer-adam := optimizers
KERNELS_cuda_native_optimizer-sgd := optimizers

# Convolutions and linear layers.
PARTS_cuda_native := conv.c conv-shape.c
conv_plugins := conv2d conv2d+relu conv2d+relu+maxpool2d linear linear+relu \
	flatten+linear flatten+linear+relu
$(foreach p,$(conv_plugins),$(eval PARTS_cuda_native_$(p) := conv.c conv-shape.c) \
	$(eval KERNELS_cuda_native_$(p) := conv-forward conv-backward conv-small))
