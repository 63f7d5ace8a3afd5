/* assign.h - the choice of kernels, in parts.
 *
 *   chains.c      splits the net into chains; describes nodes and runs
 *   candidates.c  lists the kernels for each place of a chain, with their costs
 *   tune.c        replaces predicted costs by measured ones (--tune)
 *   assign.c      finds the cheapest set of kernels
 *
 * Costs are microseconds of one worker for one microbatch, backward included in
 * training.
 */
#ifndef CNN_ASSIGN_H
#define CNN_ASSIGN_H

#include "executor-private.h"

#define CNN_LAYOUTS 4

/* A kernel for `count` nodes of a chain from `at` on, offered its first input in one
 * layout. */
struct cnn_candidate {
	const struct cnn_plugin *plugin;
	const struct cnn_kernel *kernel;
	uint32_t at, count;
	uint32_t offered, output;	 /* layouts of the first input and the output */
	uint32_t inputs[CNN_MAX_INPUTS]; /* layouts that it wants */
	double cost;			 /* of the kernel */
	double reorder;			 /* of its first input */
	bool fixed; /* by --provider or a checkpoint, so it need not be measured */
};

/* A sequence of nodes in which each feeds only the next one. */
struct cnn_chain {
	size_t *nodes;
	uint32_t count;
	struct cnn_candidate *candidates; /* by `at` */
	size_t candidate_count, room;
	uint32_t end; /* layout of its output */
};

/* The cheapest way to a place in a chain and a layout there. */
struct cnn_way {
	double cost;
	uint32_t runs; /* 0 at the start; UINT32_MAX: there is no way */
	const struct cnn_candidate *last;
};

struct cnn_assigner {
	struct cnn_executor *ex;
	struct cnn_error *e;
	uint32_t *dtypes;	  /* node -> element type */
	size_t *consumers;	  /* node -> number of nodes that it feeds */
	size_t *consumer;	  /* node -> the last of these */
	struct cnn_chain *chains; /* each after those that feed it */
	size_t chain_count;
	size_t *pool;	      /* the chains' nodes */
	struct cnn_way *ways; /* [longest chain + 1][CNN_LAYOUTS] */
	/* With --tune: the reorders that were timed; NULL: costs are predicted. */
	struct cnn_tuned *tuned;
};

/* chains.c: sets the executor's aliases and wants_gradient, and the assigner's dtypes,
 * consumers and chains, without candidates. */
void cnn_list_chains(struct cnn_assigner *);
/* Describes a run to its kernel. The layouts of the edges are NCHW. The instance points
 * into itself. */
void cnn_describe_run(const struct cnn_assigner *, const size_t *nodes, uint32_t count,
    struct cnn_instance *);

/* candidates.c: sets a chain's candidates. */
int cnn_list_candidates(struct cnn_assigner *, struct cnn_chain *);
/* The type in which the value of a node arrives at a run that computes in the type
 * `wanted`. Inputs of the net are gathered in that type. */
uint32_t cnn_source_dtype(const struct cnn_assigner *, size_t node, uint32_t wanted);
/* What it costs to bring a value from one format to another, and its gradient back. */
double cnn_reorder_cost(const struct cnn_assigner *, const struct cnn_edge *,
    struct cnn_format from, struct cnn_format to);

/* tune.c: sets the costs of a chain's candidates to the times that they take, and
 * removes those that cannot be created or are predicted to be far slower than another.
 */
int cnn_tune(struct cnn_assigner *, struct cnn_chain *);
/* The time of a reorder, measured when it is first asked for. If it cannot be measured,
 * for want of memory, returns the predicted cost. */
double cnn_tune_reorder(const struct cnn_assigner *, const struct cnn_shape *,
    struct cnn_format from, struct cnn_format to);
/* a->tuned = a new one, freed by cnn_tune_close(). */
int cnn_tune_open(struct cnn_assigner *);
void cnn_tune_close(struct cnn_assigner *);

#endif
