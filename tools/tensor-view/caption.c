/* caption.c - what is written above an image. */
#include "view-private.h"

#include "base/printable.h"

#include <inttypes.h>
#include <string.h>

/* Copies the first characters of a class's name, made safe to print. */
static void copy_name(char text[VIEW_NAME], const char *name)
{
	size_t characters;

	snprintf(text, VIEW_NAME, "%.*s",
	    (int)cnn_utf8_fit(name, VIEW_CHARACTERS, &characters), name);
	cnn_printable(text, "");
}

/* Formats the value of an integer field for sample i, as the class name if there is
 * one. */
static bool value_text(const struct cnn_columns *columns, const char *name, size_t i,
    char text[VIEW_NAME], int64_t *value)
{
	const struct cnn_field *f = cnn_header_find(columns->header, name);
	const struct cnn_value *classes;
	size_t index;

	*text = '\0';
	if (!f || f->rank != 0 || !cnn_dtype_is_integer(f->dtype))
		return false;
	index = (size_t)(f - columns->header->fields);
	cnn_to_i64(f->dtype, columns->data[index] + i * columns->row[index], 1, value);
	classes = f->classes;
	if (classes && *value >= 0 && (uint64_t)*value < classes->as.array.count &&
	    classes->as.array.items[*value]->type == CNN_STR)
		copy_name(text, classes->as.array.items[*value]->as.str.data);
	else
		snprintf(text, VIEW_NAME, "%" PRId64, *value);
	return true;
}

void view_caption_get(const struct cnn_view *v, size_t i, struct view_caption *c)
{
	int64_t truth = 0, guess = 0;

	c->has_label = value_text(v->samples, v->label, i, c->label, &truth);
	c->has_class = value_text(v->samples, "class", i, c->class, &guess);
	c->wrong = c->has_label && c->has_class && truth != guess;
}
