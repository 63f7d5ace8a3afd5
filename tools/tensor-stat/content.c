/* content.c - the digest of a segment's contents. */
#include "content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct cnn_content {
	const struct cnn_header *header;
	XXH3_state_t **states; /* one per field */
	XXH3_state_t *all;
};

struct cnn_content *cnn_content_new(const struct cnn_header *header)
{
	struct cnn_content *c = calloc(1, sizeof *c);
	bool good = c != NULL;

	if (good) {
		c->header = header;
		c->all = XXH3_createState();
		c->states = calloc(header->field_count + 1, sizeof *c->states);
		good = c->all && c->states;
	}
	for (size_t i = 0; good && i < header->field_count; i++)
		if ((good = (c->states[i] = XXH3_createState()) != NULL))
			XXH3_64bits_reset(c->states[i]);
	if (good)
		return c;
	cnn_content_free(c);
	return NULL;
}

void cnn_content_free(struct cnn_content *c)
{
	if (!c)
		return;
	for (size_t i = 0; c->states && i < c->header->field_count; i++)
		XXH3_freeState(c->states[i]);
	XXH3_freeState(c->all);
	free(c->states);
	free(c);
}

void cnn_content_add(struct cnn_content *c, const struct cnn_record *record)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct cnn_field *f =
		    cnn_header_find(c->header, record->names[i]);
		size_t bytes;

		if (f && cnn_tensor_bytes(&record->tensors[i], &bytes))
			XXH3_64bits_update(c->states[f - c->header->fields],
			    record->tensors[i].data, bytes);
	}
}

static void add_number(XXH3_state_t *state, uint64_t n)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(n >> (8 * i));
	XXH3_64bits_update(state, bytes, sizeof bytes);
}

void cnn_content_text(const struct cnn_content *c, char text[17])
{
	XXH3_64bits_reset(c->all);
	for (size_t i = 0; i < c->header->field_count; i++) {
		const struct cnn_field *f = &c->header->fields[i];
		const char *type = cnn_dtype_name(f->dtype);

		XXH3_64bits_update(c->all, f->name, strlen(f->name) + 1);
		XXH3_64bits_update(c->all, type, strlen(type) + 1);
		add_number(c->all, (uint64_t)f->rank);
		for (int k = 0; k < f->rank; k++)
			add_number(c->all, f->shape[k]);
		add_number(c->all, XXH3_64bits_digest(c->states[i]));
	}
	snprintf(text, 17, "%016llx", (unsigned long long)XXH3_64bits_digest(c->all));
}
