/* device.h - what the tests of a device share. */
#ifndef DEVICE_H
#define DEVICE_H

#include "conformance.h"

/* The device's memory with a copy of x, or zeros where x is NULL. */
void *give(const struct subject *, const void *x, size_t bytes);
/* x = what is in d, which is freed. */
void take(const struct subject *, void *x, void *d, size_t bytes);

void test_steps(struct suite *); /* device-step.c */

#endif
