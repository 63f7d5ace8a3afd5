/* loader.h - finding and opening plugins.
 *
 * A plugin's path says what it is, DEVICE/PROVIDER/NAME.so, so the folders are
 * listed and only what is asked for is opened. Folders are searched in this
 * order: those given, $CNN_PLUGIN_PATH (colon-separated, ignored in setuid
 * programs), the installed one (found from the executable). The first file of
 * a path wins. Files and folders that others may write are refused.
 */
#ifndef CNN_LOADER_H
#define CNN_LOADER_H

#include "base/error.h"
#include <cnn/plugin.h>
#include <stdbool.h>

struct cnn_plugins;
struct cnn_value;

/* dirs: --plugin-dir's, or NULL. Nothing is opened yet. */
int cnn_plugins_open(struct cnn_plugins **, const char *const *dirs,
	size_t dir_count, struct cnn_error *);
void cnn_plugins_close(struct cnn_plugins *);

/* The table that plugins are called with. Its error is the one that
 * cnn_plugins_error() takes out. */
const struct cnn_host *cnn_plugins_host(const struct cnn_plugins *);
/* Moves the message a plugin left to *e, prefixed by nothing; returns code. */
int cnn_plugins_error(struct cnn_plugins *, int code, struct cnn_error *e);

/* One file found; `entry` is NULL until it was opened. */
struct cnn_plugin {
	char *device, *provider, *name, *path;
	const struct cnn_plugin_entry *entry;
	bool incomplete;                 /* a library that it needs is not there */
};
size_t cnn_plugins_count(const struct cnn_plugins *);
struct cnn_plugin *cnn_plugins_at(struct cnn_plugins *, size_t index);

/* Opens a plugin that was found and checks magic, version, size, and that the
 * entry agrees with its path, before anything of it is called. */
int cnn_plugin_open(struct cnn_plugins *, struct cnn_plugin *, struct cnn_error *);

/* The plugin DEVICE/PROVIDER/NAME, opened; provider NULL takes any. Absent:
 * CNN_EPLUGIN, naming the folders searched and the names known. */
int cnn_plugins_find(struct cnn_plugins *, const char *device,
	const char *provider, const char *name, struct cnn_plugin **,
	struct cnn_error *);

/* The definition of a layer type: the built-in one, else that of a plugin of the
 * type's name (any/ first, then the devices). Unknown: CNN_EPLUGIN, listing the
 * known ones. */
int cnn_layer_find(struct cnn_plugins *, const char *type,
	const struct cnn_layer_def **, struct cnn_error *);

/* What --device says: "cpu", "cuda", "cuda:1", or "auto", which takes the first
 * GPU if a plugin set for it probes well and the CPU otherwise. *device points
 * to constant text. CNN_EPLUGIN with the reason if there is no such device. */
int cnn_device_choose(struct cnn_plugins *, const char *spec,
	const char **device, uint32_t *ordinal, struct cnn_error *);

/* The instruction sets by name, from the least to the most, and as --isa takes them. */
#define CNN_ISA_NAMES(F) F(sse41) F(avx2) F(avx512) F(avx512_bf16)
#define CNN_ISA_STRING(name) #name,
#define CNN_ISA_CHOICE(name) "|" #name
#define CNN_ISA_CHOICES "native" CNN_ISA_NAMES(CNN_ISA_CHOICE)

/* What --isa says: *isa is its name, constant text, with "native" resolved ("generic":
 * no x86). More than the CPU has is CNN_EPLUGIN. */
int cnn_isa_choose(const char *want, const char **isa, struct cnn_error *);
/* Holds the plugins to it: struct cnn_host's isa. Before any of them runs. */
void cnn_plugins_set_isa(struct cnn_plugins *, const char *isa);

/* enum cnn_policy bits to those set before. Opening sets CNN_POLICY_CHECK where
 * the environment says CNN_CUDA_CHECK=1. */
void cnn_plugins_add_policy(struct cnn_plugins *, uint32_t policy);

/* What plugins chose by timing, as a map of integers: NULL if nothing yet. And
 * what they are to find chosen: copied. */
const struct cnn_value *cnn_plugins_choices(const struct cnn_plugins *);
int cnn_plugins_set_choices(struct cnn_plugins *, const struct cnn_value *,
	struct cnn_error *);

/* The services that plugins made on the open device end here. */
void cnn_plugins_end_services(struct cnn_plugins *);

#endif
