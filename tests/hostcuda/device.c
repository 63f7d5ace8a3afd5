/* device.c - the devices' properties, and the errors' names. */
#include "private.h"

#include <stdio.h>
#include <string.h>

#define NAME "hostcuda (no GPU: the CPU)"
#define PROCESSORS 8

static const struct {
	cudaError_t error;
	const char *name, *text;
} errors[] = {
#define ERROR(name, text) \
	{ \
		name, #name, text \
	}
	ERROR(cudaSuccess, "no error"),
	ERROR(cudaErrorInvalidValue, "invalid argument"),
	ERROR(cudaErrorMemoryAllocation, "out of memory"),
	ERROR(cudaErrorInitializationError, "initialization error"),
	ERROR(cudaErrorCudartUnloading, "driver shutting down"),
	ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
	ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
	ERROR(cudaErrorInsufficientDriver,
	    "CUDA driver version is insufficient for CUDA runtime version"),
	ERROR(cudaErrorDevicesUnavailable,
	    "CUDA-capable device(s) is/are busy or unavailable"),
	ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
	ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
	ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
	ERROR(cudaErrorInvalidKernelImage, "device kernel image is invalid"),
	ERROR(cudaErrorDeviceUninitialized, "invalid device context"),
	ERROR(cudaErrorNoKernelImageForDevice,
	    "no kernel image is available for execution on the device"),
	ERROR(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
	ERROR(cudaErrorUnsupportedPtxVersion,
	    "the provided PTX was compiled with an unsupported toolchain."),
	ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
	ERROR(cudaErrorIllegalState,
	    "the operation cannot be performed in the present state"),
	ERROR(cudaErrorNotReady, "device not ready"),
	ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
	ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
	ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
	ERROR(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
	ERROR(cudaErrorMisalignedAddress, "misaligned address"),
	ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
	ERROR(cudaErrorNotPermitted, "operation not permitted"),
	ERROR(cudaErrorNotSupported, "operation not supported"),
	ERROR(cudaErrorSystemNotReady, "system not yet initialized"),
	ERROR(cudaErrorSystemDriverMismatch,
	    "system has unsupported display driver / cuda driver combination"),
	ERROR(cudaErrorCompatNotSupportedOnDevice,
	    "forward compatibility was attempted on non supported HW"),
	ERROR(cudaErrorStreamCaptureUnsupported,
	    "operation not permitted when stream is capturing"),
	ERROR(cudaErrorStreamCaptureInvalidated,
	    "operation failed due to a previous error during capture"),
	ERROR(cudaErrorStreamCaptureMerge,
	    "operation would result in a merge of separate capture sequences"),
	ERROR(cudaErrorStreamCaptureUnmatched,
	    "capture was not ended in the same stream as it began"),
	ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
	ERROR(cudaErrorStreamCaptureIsolation,
	    "dependency created on uncaptured work in another stream"),
	ERROR(cudaErrorStreamCaptureImplicit,
	    "operation would make the legacy stream depend on a capturing blocking stream"),
	ERROR(cudaErrorCapturedEvent,
	    "operation not permitted on an event last recorded in a capturing stream"),
	ERROR(cudaErrorStreamCaptureWrongThread,
	    "attempt to terminate a thread-local capture sequence from another thread"),
	ERROR(cudaErrorUnknown, "unknown error"),
#undef ERROR
};

static size_t find_error(cudaError_t error)
{
	size_t n = sizeof errors / sizeof *errors;

	for (size_t i = 0; i < n; i++)
		if (errors[i].error == error)
			return i;
	return n;
}

const char *cudaGetErrorName(cudaError_t error)
{
	size_t i = find_error(error);

	return i < sizeof errors / sizeof *errors ? errors[i].name :
						    "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error)
{
	size_t i = find_error(error);

	return i < sizeof errors / sizeof *errors ? errors[i].text :
						    "unrecognized error code";
}

/* --- versions, count -------------------------------------------------------------- */

cudaError_t cudaDriverGetVersion(int *version)
{
	if (!version)
		return cudaErrorInvalidValue;
	*version = hc_config()->driver;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
	if (!version)
		return cudaErrorInvalidValue;
	*version = CUDART_VERSION;
	return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
	cudaError_t error = hc_enter("cudaGetDeviceCount");

	if (!count)
		return hc_leave(cudaErrorInvalidValue);
	*count = error ? 0 : hc_config()->devices;
	return hc_leave(error);
}

static cudaError_t check(int device)
{
	return device >= 0 && device < hc_config()->devices ? cudaSuccess :
							      cudaErrorInvalidDevice;
}

cudaError_t cudaSetDevice(int device)
{
	cudaError_t error = hc_enter("cudaSetDevice");

	if (!error)
		error = check(device);
	if (!error)
		hc_device = device;
	return hc_leave(error);
}

cudaError_t cudaGetDevice(int *device)
{
	cudaError_t error = hc_enter("cudaGetDevice");

	if (!error && !device)
		error = cudaErrorInvalidValue;
	if (!error)
		*device = hc_device;
	return hc_leave(error);
}

/* --- properties ------------------------------------------------------------------- */

/* The largest shared memory of a block, by compute capability. */
size_t hc_shared_limit(int sm)
{
	switch (sm) {
	case 70:
	case 72: return 96u << 10;
	case 75: return 64u << 10;
	case 80:
	case 87: return 163u << 10;
	case 86:
	case 89:
	case 120:
	case 121: return 99u << 10;
	default: return sm < 70 ? HC_SHARED_DEFAULT : HC_SHARED_MAX;
	}
}

static void properties(struct cudaDeviceProp *p, int device)
{
	int sm = hc_config()->sm;
	size_t shared = hc_shared_limit(sm);

	*p = (struct cudaDeviceProp){
		.totalGlobalMem = hc_config()->memory,
		.sharedMemPerBlock = HC_SHARED_DEFAULT,
		.sharedMemPerBlockOptin = shared,
		.sharedMemPerMultiprocessor = shared + 1024,
		.reservedSharedMemPerBlock = sm < 80 ? 0 : 1024,
		.regsPerBlock = 65536,
		.regsPerMultiprocessor = 65536,
		.warpSize = HC_WARP,
		.maxThreadsPerBlock = HC_MAX_THREADS,
		.maxThreadsDim = { 1024, 1024, 64 },
		.maxGridSize = { 0x7fffffff, 65535, 65535 },
		.major = sm / 10,
		.minor = sm % 10,
		.multiProcessorCount = PROCESSORS,
		.maxThreadsPerMultiProcessor = sm == 75 ? 1024 : 2048,
		.maxBlocksPerMultiProcessor = sm == 75 ? 16 : 32,
		.canMapHostMemory = 1,
		.concurrentKernels = 1,
		.unifiedAddressing = 1,
		.memoryBusWidth = 64,
		.l2CacheSize = 4 << 20,
		.pciBusID = device + 1,
		.cooperativeLaunch = 0,
	};
	strcpy(p->name, NAME);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
	cudaError_t error = hc_enter("cudaGetDeviceProperties");

	if (!error)
		error = p ? check(device) : cudaErrorInvalidValue;
	if (!error)
		properties(p, device);
	return hc_leave(error);
}

static cudaError_t attribute(int *value, enum cudaDeviceAttr which,
    const struct cudaDeviceProp *p)
{
	switch (which) {
	case cudaDevAttrMaxThreadsPerBlock: *value = p->maxThreadsPerBlock; break;
	case cudaDevAttrMaxBlockDimX: *value = p->maxThreadsDim[0]; break;
	case cudaDevAttrMaxBlockDimY: *value = p->maxThreadsDim[1]; break;
	case cudaDevAttrMaxBlockDimZ: *value = p->maxThreadsDim[2]; break;
	case cudaDevAttrMaxGridDimX: *value = p->maxGridSize[0]; break;
	case cudaDevAttrMaxGridDimY: *value = p->maxGridSize[1]; break;
	case cudaDevAttrMaxGridDimZ: *value = p->maxGridSize[2]; break;
	case cudaDevAttrMaxSharedMemoryPerBlock:
		*value = (int)p->sharedMemPerBlock;
		break;
	case cudaDevAttrMaxSharedMemoryPerBlockOptin:
		*value = (int)p->sharedMemPerBlockOptin;
		break;
	case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
		*value = (int)p->sharedMemPerMultiprocessor;
		break;
	case cudaDevAttrReservedSharedMemoryPerBlock:
		*value = (int)p->reservedSharedMemPerBlock;
		break;
	case cudaDevAttrWarpSize: *value = p->warpSize; break;
	case cudaDevAttrMaxRegistersPerBlock: *value = p->regsPerBlock; break;
	case cudaDevAttrMaxRegistersPerMultiprocessor:
		*value = p->regsPerMultiprocessor;
		break;
	case cudaDevAttrClockRate:
	case cudaDevAttrMemoryClockRate: *value = 1000000; break;
	case cudaDevAttrMultiProcessorCount: *value = p->multiProcessorCount; break;
	case cudaDevAttrMaxThreadsPerMultiProcessor:
		*value = p->maxThreadsPerMultiProcessor;
		break;
	case cudaDevAttrMaxBlocksPerMultiprocessor:
		*value = p->maxBlocksPerMultiProcessor;
		break;
	case cudaDevAttrIntegrated: *value = p->integrated; break;
	case cudaDevAttrCanMapHostMemory: *value = p->canMapHostMemory; break;
	case cudaDevAttrConcurrentKernels: *value = p->concurrentKernels; break;
	case cudaDevAttrUnifiedAddressing: *value = p->unifiedAddressing; break;
	case cudaDevAttrGlobalMemoryBusWidth: *value = p->memoryBusWidth; break;
	case cudaDevAttrL2CacheSize: *value = p->l2CacheSize; break;
	case cudaDevAttrPciBusId: *value = p->pciBusID; break;
	case cudaDevAttrPciDeviceId: *value = p->pciDeviceID; break;
	case cudaDevAttrPciDomainId: *value = p->pciDomainID; break;
	case cudaDevAttrComputeCapabilityMajor: *value = p->major; break;
	case cudaDevAttrComputeCapabilityMinor: *value = p->minor; break;
	case cudaDevAttrCooperativeLaunch: *value = p->cooperativeLaunch; break;
	default: return cudaErrorInvalidValue;
	}
	return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int device)
{
	cudaError_t error = hc_enter("cudaDeviceGetAttribute");
	struct cudaDeviceProp p;

	if (!error)
		error = value ? check(device) : cudaErrorInvalidValue;
	if (!error) {
		properties(&p, device);
		error = attribute(value, which, &p);
	}
	return hc_leave(error);
}
