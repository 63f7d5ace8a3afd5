/* engines.h - how a graph may be computed: cuDNN's candidates for a device, which
 * of them a policy lets in, and execution plans.
 *
 * A candidate is an engine with settings. Candidates come from three sources, of
 * which the next is asked only where the ones before have nothing that will do:
 * cuDNN's heuristics of mode A, best first; those of its fallback mode; and every
 * other engine as it is. (The latter two load the compiler for engines that are
 * compiled at run time.) An engine's number is its name from run to run; where
 * several candidates share an engine, the first speaks for it. A plan is a
 * candidate made ready to run; no more than that cuDNN builds it can be said
 * without the device.
 */
#ifndef CUDNN_ENGINES_H
#define CUDNN_ENGINES_H

#include "graphs.h"

/* A device: live, or as described in words (the rest NULL). */
struct engine_device {
	cudnnHandle_t handle;
	cudnnBackendDescriptor_t properties;
};

/* From the JSON that cuDNN gives for a device; "{...}". */
int engine_device_describe(struct engine_device *, const char *json,
	struct graph_error *);
void engine_device_close(struct engine_device *);

/* What an engine must not be, unless it is asked for. */
struct engine_policy {
	bool fast;                       /* may differ from run to run */
	bool tf32;                       /* may round the products of floats */
	size_t max_workspace;            /* bytes; 0: any */
};

enum engine_source {
	ENGINE_BEST,                     /* mode A's list */
	ENGINE_FALLBACK,                 /* the fallback mode's */
	ENGINE_REST,                     /* neither's: nothing speaks for it */
	ENGINE_SOURCES
};

struct engine {
	cudnnBackendDescriptor_t config;
	int64_t number;                  /* of the engine, among all of the graph's */
	uint32_t notes, behavior;        /* 1 << CUDNN_NUMERICAL_NOTE_*, ..BEHAVIOR.. */
	enum engine_source source;
};

/* All zero: none yet. */
struct engines {
	struct engine *list;             /* malloc'd; one an engine, best first */
	uint32_t count;
};

/* Appends what a source has and the list has not: none is fine. engines_close()
 * afterwards, come what may. */
int engines_add(struct engines *, const struct graph *, const struct engine_device *,
	enum engine_source, struct graph_error *);
/* Appends one engine as it is; an error if it doesn't take the graph. */
int engines_add_number(struct engines *, const struct graph *,
	const struct engine_device *, int64_t number, struct graph_error *);
void engines_close(struct engines *);

/* NULL, or the reason why the policy keeps it out. */
const char *engine_refused(const struct engine *, const struct graph_spec *,
	const struct engine_policy *);

struct engine_plan {
	cudnnBackendDescriptor_t desc;
	int64_t number, workspace;       /* bytes */
};

int engine_plan_build(struct engine_plan *, const struct engine *,
	const struct engine_device *, struct graph_error *);
void engine_plan_close(struct engine_plan *);

/* The first candidate that the policy lets in and whose plan builds, or, with
 * number >= 0, that engine and no other. Leaves in the list those it had to ask
 * for. */
int engine_choose(struct engine_plan *, struct engines *, const struct graph *,
	const struct engine_device *, const struct engine_policy *, int64_t number,
	struct graph_error *);

#endif
