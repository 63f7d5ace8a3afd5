# The parts of each plugin of cuda/native, besides its own file and native.c.
COMMON_cuda_native := native.c
PARTS_cuda_native_conv := conv-shape.c conv-forward.cu conv-backward.cu conv-small.cu
PARTS_cuda_native_device := tensor.cu step.cu
PARTS_cuda_native_elementwise := elementwise.cu tensor.cu
PARTS_cuda_native_loss := loss.cu
PARTS_cuda_native_norm := batchnorm.cu batchnorm-sums.cu
PARTS_cuda_native_optimizers := optimizers.cu
PARTS_cuda_native_pool := pool.cu
PARTS_cuda_native := conv-shape.c
