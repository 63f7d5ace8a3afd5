/* operand.c - reads the operands' segments in order. */
#include "operand.h"
#include "join.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* With more operands than this, regular files are closed after each look at them: a
 * folder of images can have more files than a process may open. */
#define KEEP_OPEN 64

/* One path. */
struct entry {
	char *path;
	char *field;		     /* name given with --field, or NULL */
	bool regular;		     /* may be closed and opened again */
	size_t size;		     /* of a regular file, in bytes */
	struct cnn_members *members; /* NULL: not open */
	struct cnn_member member;    /* detected but not yet taken (member.in) */
	struct cnn_reader *reader;   /* of that member, if its header has been read */
	const struct cnn_header *header;
	char *name;		 /* of that stream */
	unsigned long long held; /* see cnn_array_source_hold(), cnn_operands_hold() */
	size_t looks;		 /* members found so far */
	bool done;
};

struct cnn_operands {
	struct entry *entries;
	size_t count, at;
	bool has_stdin;
	size_t bytes;		   /* total size of the regular files */
	unsigned long long held;   /* of the current segment, if it is from arrays */
	bool any_held;		   /* a record of the current segment is held */
	struct cnn_reader *reader; /* of the current segment if it is a stream's */
	struct cnn_group *group;   /* of the current segment if it is from arrays */
	char *name;		   /* of the reader's stream */
	bool continues;		   /* an earlier segment came from this stream */
	/* An open array that starts the next group; .name NULL: none */
	struct cnn_array_source source;
	char *const *only; /* fields wanted of arrays; borrowed */
	size_t only_count;
	bool any;		   /* an array or a stream was taken */
	struct cnn_known unwanted; /* fields of the arrays passed over */
	bool skip_bad, tables;
	struct cnn_skipped skipped;
};

/* --- entries ---------------------------------------------------------------------- */

static void entry_close(struct entry *entry)
{
	cnn_reader_close(entry->reader);
	cnn_input_close(entry->member.in);
	cnn_members_close(entry->members);
	free(entry->name);
	entry->name = NULL;
	entry->reader = NULL;
	entry->header = NULL;
	entry->member.in = NULL;
	entry->members = NULL;
}

/* Closes the entry after a look at its first member, which will be found again. */
static void entry_forget(struct entry *entry)
{
	entry_close(entry);
	entry->looks = 0;
}

/* Makes entry->member the next member; CNN_END if there is none. */
static int entry_look(struct entry *entry, struct cnn_error *e)
{
	int r = CNN_OK;

	if (entry->member.in || entry->reader)
		return CNN_OK;
	if (entry->done)
		return CNN_END;
	if (!entry->members)
		r = cnn_members_open(&entry->members, entry->path, e);
	if (r == CNN_OK)
		r = cnn_members_next(entry->members, &entry->member, e);
	if (r == CNN_OK && entry->looks++ > 0 && entry->field)
		r = cnn_fail(e, CNN_EUSAGE,
		    "%s: an archive of several files is not allowed in --field",
		    entry->path);
	entry->done = r != CNN_OK;
	return r;
}

static int add_entry(struct cnn_operands *ops, const char *path, const char *field,
    size_t field_size, struct cnn_error *e)
{
	bool standard = !strcmp(path, "-");
	struct entry *grown, *entry;
	struct stat st;
	int r;

	if (standard && ops->has_stdin)
		return cnn_fail(e, CNN_EUSAGE, "standard input can be read only once");
	if (!(grown = reallocarray(ops->entries, ops->count + 1, sizeof *grown)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	ops->entries = grown;
	entry = &ops->entries[ops->count++];
	*entry = (struct entry){
		.path = strdup(path),
		.field = field ? strndup(field, field_size) : NULL,
		.regular = !standard && stat(path, &st) == 0 && S_ISREG(st.st_mode),
	};
	if (!entry->path || (field && !entry->field))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	ops->has_stdin |= standard;
	if (entry->regular)
		ops->bytes += entry->size = (size_t)st.st_size;
	if ((r = entry_look(entry, e)) < 0)
		return r;
	if (field && !entry->member.codec)
		return cnn_fail(e, CNN_EUSAGE,
		    "%s: a tensor stream names its own fields: not allowed in --field",
		    entry->path);
	if (entry->regular && ops->count > KEEP_OPEN)
		entry_forget(entry);
	return CNN_OK;
}

/* Adds an operand from "NAME=FILE". */
static int add_field(struct cnn_operands *ops, const char *text, struct cnn_error *e)
{
	const char *equals = strchr(text, '=');
	size_t size = equals ? (size_t)(equals - text) : 0;

	if (!equals || size == 0 || !equals[1])
		return cnn_fail(e, CNN_EUSAGE, "--field: %s: must be NAME=FILE", text);
	if (size > CNN_MAX_NAME)
		return cnn_fail(e, CNN_EUSAGE, "--field: name is longer than %d bytes",
		    CNN_MAX_NAME);
	return add_entry(ops, equals + 1, text, size, e);
}

size_t cnn_operands_expected(const struct cnn_operands *ops,
    const struct cnn_header *header)
{
	size_t row = 0, count, bytes;

	for (size_t i = 0; i < header->field_count; i++) {
		const struct cnn_field *f = &header->fields[i];

		if (cnn_shape_count(f->rank, f->shape, &count) &&
		    cnn_mul(count, cnn_dtype_size(f->dtype), &bytes) &&
		    bytes <= SIZE_MAX - row)
			row += bytes;
	}
	return row ? ops->bytes / row : 0;
}

/* About how many samples follow in the segment, with those of its first record. Arrays
 * say so. A stream has the size of its file; as records can differ, and other segments
 * follow, half of what that gives is assumed. */
static size_t samples_ahead(const struct cnn_operands *ops,
    const struct cnn_record *record)
{
	const void *item;
	size_t size;

	if (ops->group)
		return cnn_group_samples(ops->group);
	cnn_reader_item(ops->reader, &item, &size);
	return size ? ops->entries[ops->at].size / size * record->samples / 2 : 0;
}

int cnn_operands_hold(struct cnn_operands *ops, const struct cnn_record *record,
    size_t row, size_t room, struct cnn_error *e)
{
	const char *name = cnn_operands_name(ops);
	unsigned long long *held = ops->group ? &ops->held :
						&ops->entries[ops->at].held;
	unsigned long long consumed = ops->group ?
	    cnn_group_consumed(ops->group) :
	    cnn_members_consumed(ops->entries[ops->at].members);
	size_t bytes;

	if (!ops->any_held) {
		size_t ahead = samples_ahead(ops, record);

		ops->any_held = true;
		if (ahead > room && cnn_mul(ahead - room, row, &bytes) &&
		    bytes > cnn_memory_left())
			return cnn_memory_refuse(name, bytes, e);
	}
	*held += (unsigned long long)record->samples * row;
	return cnn_held_check(name, *held, consumed, e);
}

/* --- opening ---------------------------------------------------------------------- */

int cnn_operands_open(struct cnn_operands **operands, const char *const *paths,
    size_t count, const struct cnn_operand_options *options, struct cnn_error *e)
{
	struct cnn_operands *ops = calloc(1, sizeof *ops);
	int r = CNN_OK;

	if (!ops)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (options) {
		ops->only = options->only;
		ops->only_count = options->only_count;
	}
	ops->skip_bad = options && options->skip_bad;
	ops->tables = options && options->tables;
	for (size_t i = 0; r == CNN_OK && options && i < options->field_count; i++)
		r = add_field(ops, options->fields[i], e);
	for (size_t i = 0; r == CNN_OK && i < count; i++)
		r = add_entry(ops, paths[i], NULL, 0, e);
	if (r < 0)
		cnn_operands_close(ops);
	else
		*operands = ops;
	return r;
}

void cnn_operands_close(struct cnn_operands *ops)
{
	if (!ops)
		return;
	/* Close readers and arrays first: they may read from an entry's archive. */
	cnn_reader_close(ops->reader);
	cnn_group_free(ops->group);
	cnn_array_source_free(&ops->source);
	for (size_t i = 0; i < ops->count; i++) {
		entry_close(&ops->entries[i]);
		free(ops->entries[i].path);
		free(ops->entries[i].field);
	}
	free(ops->entries);
	free(ops->name);
	free(ops);
}

int cnn_operands_add(struct cnn_operands *ops, const char *path, struct cnn_error *e)
{
	return add_entry(ops, path, NULL, 0, e);
}

bool cnn_operands_has_stdin(const struct cnn_operands *ops)
{
	return ops->has_stdin;
}

bool cnn_operands_added_empty(const struct cnn_operands *ops)
{
	struct cnn_input *in = ops->entries[ops->count - 1].member.in;
	struct cnn_error ignored = { 0 };
	const unsigned char *p;
	size_t have;

	return in && cnn_input_peek(in, 1, &p, &have, &ignored) == CNN_OK && have == 0;
}

/* Reads the header of the stream at the start of an entry. */
static int read_ahead(struct entry *entry, struct cnn_error *e)
{
	struct cnn_input *in = entry->member.in;
	int r;

	if (!(entry->name = strdup(cnn_input_name(in))))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	entry->member.in = NULL;
	if ((r = cnn_reader_open(&entry->reader, in, e)) < 0)
		return r;
	return cnn_reader_header(entry->reader, &entry->header, e);
}

int cnn_operands_models_first(struct cnn_operands *ops, size_t *count,
    struct cnn_error *e)
{
	struct entry entry;
	size_t models = 0;

	for (size_t i = 0; i < ops->count; i++) {
		struct entry *this = &ops->entries[i];
		bool model;
		int r = entry_look(this, e);

		if (r == CNN_OK && !this->reader && !this->member.codec)
			r = read_ahead(this, e);
		if (r < 0)
			return r;
		model = this->header && this->header->kind == CNN_MODEL;
		/* A header can take much more memory than it has bytes. */
		if (this->regular && (i >= KEEP_OPEN || this->reader))
			entry_forget(this);
		if (!model)
			continue;
		entry = *this;
		memmove(ops->entries + models + 1, ops->entries + models,
		    (i - models) * sizeof entry);
		ops->entries[models++] = entry;
	}
	*count = models;
	return CNN_OK;
}

/* --- segments --------------------------------------------------------------------- */

/* Finds the entry that has the next member, and detects that member's format. */
static int next_entry(struct cnn_operands *ops, struct entry **entry,
    struct cnn_error *e)
{
	for (; ops->at < ops->count; ops->at++) {
		int r;

		*entry = &ops->entries[ops->at];
		if ((r = entry_look(*entry, e)) != CNN_END)
			return r;
		entry_close(*entry);
	}
	return CNN_END;
}

static int take_stream(struct cnn_operands *ops, struct entry *entry,
    const struct cnn_header **header, struct cnn_error *e)
{
	int r = entry->reader ? CNN_OK : read_ahead(entry, e);

	free(ops->name);
	ops->name = entry->name;
	ops->reader = entry->reader;
	ops->continues = false;
	*header = entry->header;
	entry->name = NULL;
	entry->reader = NULL;
	entry->header = NULL;
	return r;
}

static bool is_wanted(const struct cnn_operands *ops, const char *field)
{
	for (size_t i = 0; i < ops->only_count; i++)
		if (!strcmp(ops->only[i], field))
			return true;
	return ops->only_count == 0;
}

/* Opens the detected member as an array that can be read beside others: ops->source. If
 * its field is not wanted, there is none afterwards. */
static int take_array(struct cnn_operands *ops, struct entry *entry,
    struct cnn_error *e)
{
	struct cnn_array_source *source = &ops->source;
	bool alone = entry->member.alone;
	int r =
	    cnn_array_source_open(source, &entry->member, entry->field, ops->tables, e);

	if (r == CNN_OK && !is_wanted(ops, source->field)) {
		cnn_known_add(&ops->unwanted, "%s", source->field);
		cnn_array_source_free(source);
		return CNN_OK;
	}
	if (r == CNN_OK && !alone) {
		r = cnn_array_source_hold(source, entry->members, &entry->held, e);
	} else if (r == CNN_OK) {
		source->members = entry->members;
		entry->members = NULL;
		entry->done = true;
		if (entry->regular && ops->at >= KEEP_OPEN) {
			cnn_array_source_park(source, entry->path);
			entry->path = NULL;
		}
	}
	if (r < 0)
		cnn_array_source_free(source);
	return r;
}

/* Makes ops->source the next wanted array, unless there is one already. CNN_END: a stream
 * (*entry) comes first or, if *entry is NULL, nothing. */
static int next_array(struct cnn_operands *ops, struct entry **entry,
    struct cnn_error *e)
{
	int r;

	*entry = NULL;
	while (!ops->source.name) {
		if ((r = next_entry(ops, entry, e)) != CNN_OK) {
			*entry = NULL;
			return r;
		}
		if (!(*entry)->member.codec) {
			ops->any = true;
			return CNN_END;
		}
		if ((r = take_array(ops, *entry, e)) < 0)
			return r;
	}
	ops->any = true;
	return CNN_OK;
}

/* Builds a group from ops->source and the arrays that follow and belong to it. */
static int take_group(struct cnn_operands *ops, const struct cnn_header **header,
    struct cnn_error *e)
{
	struct entry *entry;
	int r = CNN_OK;

	if (!(ops->group = cnn_group_new(ops->skip_bad ? &ops->skipped : NULL)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	while ((r = next_array(ops, &entry, e)) == CNN_OK &&
	    (r = cnn_group_add(ops->group, &ops->source, e)) == CNN_OK)
		ops->source = (struct cnn_array_source){ 0 };
	return r < 0 ? r : cnn_group_header(ops->group, header, e);
}

/* At the end of all operands. */
static int check_wanted(const struct cnn_operands *ops, struct cnn_error *e)
{
	if (ops->any || ops->unwanted.used == 0)
		return CNN_END;
	return cnn_fail(e, CNN_EDATA,
	    "no array is a field that is wanted (the fields are: %s)",
	    cnn_known_text(&ops->unwanted));
}

int cnn_operands_header(struct cnn_operands *ops, const struct cnn_header **header,
    struct cnn_error *e)
{
	struct cnn_record unread;
	struct entry *entry;
	int r = CNN_OK;

	ops->held = 0;
	ops->any_held = false;
	if (ops->reader) {
		ops->continues = true;
		if ((r = cnn_reader_header(ops->reader, header, e)) != CNN_END)
			return r;
		cnn_reader_close(ops->reader);
		ops->reader = NULL;
	} else if (ops->group) {
		do
			r = cnn_group_record(ops->group, &unread, e);
		while (r == CNN_OK);
		if (r < 0)
			return r;
		cnn_group_free(ops->group);
		ops->group = NULL;
	}
	if ((r = next_array(ops, &entry, e)) == CNN_OK)
		return take_group(ops, header, e);
	if (r == CNN_END)
		r = entry ? take_stream(ops, entry, header, e) : check_wanted(ops, e);
	return r;
}

int cnn_operands_record(struct cnn_operands *ops, struct cnn_record *record,
    struct cnn_error *e)
{
	if (ops->reader)
		return cnn_reader_record(ops->reader, record, e);
	return ops->group ? cnn_group_record(ops->group, record, e) : CNN_END;
}

size_t cnn_operands_skipped(const struct cnn_operands *ops, const char **first)
{
	*first = ops->skipped.first;
	return ops->skipped.count;
}

const char *cnn_operands_name(const struct cnn_operands *ops)
{
	if (ops->group)
		return cnn_group_name(ops->group);
	return ops->name ? ops->name : "";
}

bool cnn_operands_file(const struct cnn_operands *ops, size_t i, const char **name,
    const char **field, size_t *first)
{
	if (ops->group)
		return cnn_group_array(ops->group, i, name, field, first);
	*name = cnn_operands_name(ops);
	*field = NULL;
	*first = 0;
	return i == 0 && !ops->continues;
}

bool cnn_operands_item(const struct cnn_operands *ops, const void **data, size_t *size)
{
	if (ops->reader)
		cnn_reader_item(ops->reader, data, size);
	return ops->reader != NULL;
}
