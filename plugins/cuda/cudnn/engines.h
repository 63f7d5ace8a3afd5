/* engines.h - the engines that can compute a graph: cuDNN's candidates for a device,
 * the policy that admits them, and execution plans.
 *
 * A candidate is an engine with settings. There are three sources of candidates; a
 * source is queried only if the earlier ones have no usable candidate: cuDNN's
 * heuristics of mode A, best first; those of its fallback mode; every other engine with
 * default settings. (The latter two load the compiler for engines that are compiled at
 * run time.) An engine's number identifies it across runs. If several candidates share
 * an engine, only the first is kept. A plan is a candidate made ready to run. Without
 * the device, one can only check that cuDNN builds the plan.
 */
#ifndef CUDNN_ENGINES_H
#define CUDNN_ENGINES_H

#include "graphs.h"

/* A device: a live one, or one given by a description (handle is then NULL). */
struct engine_device {
	cudnnHandle_t handle;
	cudnnBackendDescriptor_t properties;
};

/* Creates a device from cuDNN's JSON description of it, "{...}". */
int engine_device_describe(struct engine_device *, const char *json,
    struct graph_error *);
void engine_device_close(struct engine_device *);

/* Which engines are admitted. */
struct engine_policy {
	bool fast;	      /* results may differ from run to run */
	bool tf32;	      /* may round the products of floats */
	size_t max_workspace; /* bytes; 0: any */
};

enum engine_source {
	ENGINE_BEST,	 /* mode A's list */
	ENGINE_FALLBACK, /* the fallback mode's */
	ENGINE_REST,	 /* neither mode's: not recommended */
	ENGINE_SOURCES
};

struct engine {
	cudnnBackendDescriptor_t config;
	int64_t number;		  /* among all engines of the graph */
	uint32_t notes, behavior; /* 1 << CUDNN_NUMERICAL_NOTE_*, ..BEHAVIOR.. */
	enum engine_source source;
};

/* All zero: empty. */
struct engines {
	struct engine *list; /* malloc'd; one per engine, best first */
	uint32_t count;
};

/* Appends the candidates of a source that are not in the list yet; there may be none.
 * Call engines_close() afterwards in any case. */
int engines_add(struct engines *, const struct graph *, const struct engine_device *,
    enum engine_source, struct graph_error *);
/* Appends one engine with default settings; an error if it does not support the
 * graph. */
int engines_add_number(struct engines *, const struct graph *,
    const struct engine_device *, int64_t number, struct graph_error *);
void engines_close(struct engines *);

/* Returns NULL, or the reason why the policy excludes the engine. */
const char *engine_refused(const struct engine *, const struct graph_spec *,
    const struct engine_policy *);

struct engine_plan {
	cudnnBackendDescriptor_t desc;
	int64_t number, workspace; /* bytes */
};

int engine_plan_build(struct engine_plan *, const struct engine *,
    const struct engine_device *, struct graph_error *);
void engine_plan_close(struct engine_plan *);

/* Chooses the first candidate that the policy admits and whose plan builds. If number
 * >= 0, it considers only that engine. The candidates that it queried stay in the
 * list. */
int engine_choose(struct engine_plan *, struct engines *, const struct graph *,
    const struct engine_device *, const struct engine_policy *, int64_t number,
    struct graph_error *);

#endif
