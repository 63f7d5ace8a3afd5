/* trial.h - one provider's kernels, and the reference that they are compared with. */
#ifndef TRIAL_H
#define TRIAL_H

#include "check.h"

struct trial {
	struct cnn_plugins *plugins;	 /* of what is tried */
	struct cnn_plugins *oracle;	 /* cpu/ref in double */
	struct cnn_plugin_host hosts[2]; /* of the subject and the oracle */
	const char *device, *provider;
	const char *title;		   /* before the name of each case */
	struct subject subject, reference; /* except the kernel */
	/* Of types without a reference, not compared with finite differences */
	bool no_gradients;
	/* The caller's. Set as soon as memory or threads run out: what was tried then says
	 * nothing about the subject, so there are no claims any more. */
	struct cnn_error *error;
	/* Gets each claim. begin (may be NULL): what is tried from now on. */
	void (*report)(struct trial *, bool good, const char *text);
	void (*begin)(struct trial *, const char *what);
};

/* Opens the devices; plugins, oracle, device and error are set. isa: constant text. */
int trial_open(struct trial *, const char *isa, struct cnn_error *);
void trial_close(struct trial *); /* not the plugins */

/* One claim about the subject. Returns `good`. */
__attribute__((format(printf, 3, 4))) bool claim(struct trial *, bool good,
    const char *fmt, ...);
/* A call failed: a claim that "fmt: e->text" is not so. If memory ran out, the trial's
 * error instead. */
__attribute__((format(printf, 3, 4))) void claim_failed(struct trial *,
    const struct cnn_error *, const char *fmt, ...);
/* Is this the error of memory that ran out? Then it becomes the trial's. */
bool trial_ran_out(struct trial *, const struct cnn_error *);

/* A find_layer (check.h) of cpu/ref in double; the context is the trial. */
int trial_reference(void *trial, const char *type, struct subject *,
    struct cnn_error *);
/* Is this one of the plugins of the reference? All of them must be open before a check is
 * forked: one that fails to open there would be missing. */
bool trial_is_reference(const struct cnn_plugin *);
/* Has the reference a kernel for each of the run's layers? */
bool trial_has_reference(struct trial *, const struct layer_chain *);
/* The plugin's kernel for a run, or NULL. */
const struct cnn_kernel *kernel_of(const struct cnn_plugin *, const char *run);

/* What a provider is tried in. */
struct element_type {
	uint32_t dtype;
	const char *name;
};

extern const struct element_type element_types[3]; /* f32, bf16, f16 */

/* Does the kernel take this run? No provider is held to a type that its device lacks. */
bool trial_takes(struct trial *, const struct subject *, const struct layer_chain *,
    const struct settings *);
/* Does it also take the first input in the layout that is offered? */
bool trial_keeps_layout(struct trial *, const struct subject *,
    const struct layer_chain *, const struct settings *);
/* text = the case's name. */
void name_case(const struct trial *, const struct test_case *, const char *type,
    uint32_t layout, char *text, size_t size);
#endif
