/* host.h - the host that plugins see: struct cnn_host, and its state.
 *
 * Every executor has its own host, so that several can work at once in one process:
 * errors, services, the instruction set and the policy are not shared. Code that calls
 * a plugin without an executor, for example to infer a shape, creates a host for that
 * call.
 */
#ifndef CNN_PLUGIN_HOST_H
#define CNN_PLUGIN_HOST_H

#include "base/error.h"
#include <cnn/plugin.h>
#include <pthread.h>

struct cnn_service;
struct cnn_value;

struct cnn_plugin_host {
	/* What plugins get; its context is this struct, which must not move */
	struct cnn_host host;
	pthread_mutex_t lock;	      /* of error: plugins fail on any thread */
	struct cnn_error error;	      /* left by a plugin */
	struct cnn_service *services; /* newest first */
	struct cnn_value *choices;    /* or NULL; the caller's */
};

/* isa: the highest instruction set that plugins may use, constant text; NULL: no limit.
 * policy: enum cnn_policy; CNN_POLICY_CHECK is added if the environment has
 * CNN_CUDA_CHECK=1. choices: a map of integers that plugins chose by timing. They
 * look up earlier choices in it and add new ones. NULL: none are kept. */
void cnn_host_init(struct cnn_plugin_host *, const char *isa, uint32_t policy,
    struct cnn_value *choices);
/* Destroys the services that plugins created, the newest first. The device must still
 * be open. */
void cnn_host_end_services(struct cnn_plugin_host *);
/* Also destroys the services. */
void cnn_host_close(struct cnn_plugin_host *);

/* Moves the message that a plugin left to *e, without a prefix, and returns the code. A
 * positive code, such as a library's own, becomes CNN_EPLUGIN. */
int cnn_host_error(struct cnn_plugin_host *, int code, struct cnn_error *e);

/* Prints a message about plugins if the verbosity is at least `level`, and never
 * without -v (level 2). */
__attribute__((format(printf, 2, 3))) void cnn_plugin_log(int level, const char *fmt,
    ...);

#endif
