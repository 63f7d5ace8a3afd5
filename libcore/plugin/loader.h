/* loader.h - finds and opens plugins.
 *
 * A plugin's path is DEVICE/PROVIDER/NAME.so. Folders are only listed; the plugins of a
 * device are opened when it is used. A plugin's entry says what it offers. Folders are
 * searched in this order: those given, $CNN_PLUGIN_PATH (colon-separated, ignored in
 * setuid programs), the installed one (located relative to the executable). If a path
 * exists in several folders, the first one wins. Files and folders that other users own
 * or can write to are refused.
 *
 * Threads may share a struct cnn_plugins, except while cnn_plugins_add() runs. An open
 * entry never changes.
 */
#ifndef CNN_LOADER_H
#define CNN_LOADER_H

#include "base/error.h"
#include <cnn/plugin.h>
#include <stdbool.h>

struct cnn_plugins;

/* Lists the plugins without opening any. dirs: the folders of --plugin-dir, or NULL. */
int cnn_plugins_open(struct cnn_plugins **, const char *const *dirs, size_t dir_count,
    struct cnn_error *);
void cnn_plugins_close(struct cnn_plugins *);

/* A plugin file; `entry` is NULL until it is opened. */
struct cnn_plugin {
	char *device, *provider, *name, *path;
	const struct cnn_plugin_entry *entry;
	bool incomplete; /* a library that it needs is missing */
};

/* Elements of an open plugin's tables. They may be larger if the plugin was built
 * for a later minor version. */
static inline const struct cnn_kernel *cnn_kernel_at(const struct cnn_plugin_entry *e,
    size_t i)
{
	return (const void *)((const char *)e->kernels + i * e->kernels->size);
}

static inline const struct cnn_optimizer *cnn_optimizer_at(const struct cnn_plugin_entry
							       *e,
    size_t i)
{
	return (const void *)((const char *)e->optimizers + i * e->optimizers->size);
}

static inline const struct cnn_layer_def *cnn_definition_at(
    const struct cnn_plugin_entry *e, size_t i)
{
	return (const void *)((const char *)e->definitions + i * e->definitions->size);
}

static inline const struct cnn_communicator *cnn_communicator_at(
    const struct cnn_plugin_entry *e, size_t i)
{
	return (
	    const void *)((const char *)e->communicators + i * e->communicators->size);
}

size_t cnn_plugins_count(const struct cnn_plugins *);
struct cnn_plugin *cnn_plugins_at(struct cnn_plugins *, size_t index);

/* Opens a plugin and checks magic, version, size, and that the entry agrees with its
 * path, before any of its functions is called. */
int cnn_plugin_open(struct cnn_plugins *, struct cnn_plugin *, struct cnn_error *);

/* Opens a plugin file anywhere; its names are those in its entry. It replaces a plugin
 * that has these names, and must not be added twice. The file and its folder are
 * refused if other users can write to them, and the entry is checked as usual. Pointers
 * from earlier calls are no longer valid. */
int cnn_plugins_add(struct cnn_plugins *, const char *path, struct cnn_plugin **,
    struct cnn_error *);

/* The folder that belongs to the executable: PREFIX/lib/cnntools/NAME for PREFIX/bin,
 * or build/NAME beside bin/ in the source tree. *folder is the caller's to free; NULL
 * if there is none. */
int cnn_own_folder(const char *name, char **folder, struct cnn_error *);

/* Opens all plugins of a device, for their kernels and optimizers. Skips those that
 * need a library that is not installed, such as cuDNN. */
int cnn_plugins_open_device(struct cnn_plugins *, const char *device,
    struct cnn_error *);

/* Finds and opens the plugin DEVICE/PROVIDER/NAME; provider NULL matches any. If
 * absent, returns CNN_EPLUGIN; the message lists the folders searched and the names
 * known. */
int cnn_plugins_find(struct cnn_plugins *, const char *device, const char *provider,
    const char *name, struct cnn_plugin **, struct cnn_error *);

/* Finds the optimizer of this name in the device's plugins, in the order of providers,
 * and opens them all. If there is none, returns CNN_EPLUGIN; the message lists the
 * known ones. */
int cnn_optimizer_find(struct cnn_plugins *, const char *device, const char *name,
    const struct cnn_optimizer **, struct cnn_error *);

/* Finds the definition of an optimizer: the built-in one, else that of a plugin, any/
 * first. If unknown, returns CNN_EPLUGIN; the message lists the known ones. Without
 * plugins (NULL) only built-in optimizers are known. */
int cnn_optimizer_definition(struct cnn_plugins *, const char *name,
    const struct cnn_optimizer_def **, struct cnn_error *);

/* Finds the definition of a layer type: the built-in one, else that of a plugin (any/
 * first, then the devices). If unknown, returns CNN_EPLUGIN; the message lists the
 * known types. */
int cnn_layer_find(struct cnn_plugins *, const char *type,
    const struct cnn_layer_def **, struct cnn_error *);

/* Resolves --device: "cpu", "cuda", "cuda:N", or "auto", which selects the first GPU if
 * the probe of an installed device plugin succeeds, and the CPU otherwise. Sets *device
 * to constant text. If there is no such device, returns CNN_EPLUGIN with the reason. */
int cnn_device_choose(struct cnn_plugins *, const char *spec, const char **device,
    uint32_t *ordinal, struct cnn_error *);

/* Names of the instruction sets, from lowest to highest, and as choices of --isa. */
#define CNN_ISA_NAMES(F) F(sse41) F(avx2) F(avx512) F(avx512_bf16) F(amx_bf16)
#define CNN_ISA_STRING(name) #name,
#define CNN_ISA_CHOICE(name) "|" #name
#define CNN_ISA_CHOICES "native" CNN_ISA_NAMES(CNN_ISA_CHOICE)

/* Resolves --isa: sets *isa to the name, constant text, with "native" replaced by the
 * highest set that the CPU has, but not by amx_bf16, which must be named ("generic" if
 * the CPU is not x86 or lacks SSE4.1). Returns CNN_EPLUGIN if the CPU does not have the
 * set. */
int cnn_isa_choose(const char *want, const char **isa, struct cnn_error *);

#endif
