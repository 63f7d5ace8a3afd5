/* fuzz.c - counts memory, gives inputs in pieces, and compares results. */
#include "fuzz.h"

#include "../../formats/format.h"

#include <archive.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sanitizer/allocator_interface.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>

/* --- failure ---------------------------------------------------------------------- */

static bool counting;

void fuzz_broken(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	counting = false;
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	abort();
}

FILE *fuzz_nowhere(void)
{
	static FILE *f;

	if (!f)
		f = fopen("/dev/null", "we");
	fuzz_check(f, "/dev/null can't be opened");
	return f;
}

struct cnn_output *fuzz_output(void)
{
	struct cnn_error e = { 0 };
	struct cnn_output *out;

	fuzz_check(cnn_output_open(&out, "/dev/null", true, &e) == CNN_OK, "%s",
	    e.text);
	return out;
}

/* --- memory ----------------------------------------------------------------------- */

#define RESERVED ((size_t)8 << 20) /* larger requests are checked for a decoder's */
#define WRITTEN ((size_t)1 << 20)  /* longer arrays are not written again, */
#define DRAINED ((size_t)8 << 20)  /* nor longer inputs read to their end */
#define SECONDS 10		   /* of CPU time; sanitizers use most of it */

static size_t live, most, input;

/* True if a library that decompresses makes the request. */
static bool for_decoder(void)
{
	static const char *const libraries[] = { "/libarchive.so", "/liblzma.so",
		"/libzstd.so" };
	void *frames[32];
	int count = backtrace(frames, 32);
	Dl_info where;

	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof libraries / sizeof *libraries; k++)
			if (dladdr(frames[i], &where) && where.dli_fname &&
			    strstr(where.dli_fname, libraries[k]))
				return true;
	return false;
}

/* Windows and tables with a length from a header are only address space: nothing of
 * them is touched before data come. libarchive has no limit for them; compressed.c
 * limits those of xz, and libzstd its own to 128 MiB. */
static void on_malloc(const volatile void *p, size_t size)
{
	if (!counting || !p)
		return;
	if (size >= RESERVED) {
		bool reserves;

		counting = false;
		reserves = for_decoder();
		counting = true;
		if (reserves)
			return;
	}
	live += size;
	if (live > most)
		fuzz_broken(__FILE__, __LINE__,
		    "%zu bytes more make %zu, for an input of %zu bytes: at most %zu",
		    size, live, input, most);
}

static void on_free(const volatile void *p)
{
	size_t size;

	if (!counting || !p)
		return;
	size = __sanitizer_get_allocated_size(p);
	live -= size < live ? size : live;
}

static void come(size_t n)
{
	input += n;
	most += 4 * n;
}

static void on_time(int number)
{
	static const char text[] =
	    "tests/fuzz/fuzz.c: an input that takes more than 10 s\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(1);
	abort();
}

/* CPU time, because other processes may use the processor too. */
static void set_timer(int seconds)
{
	const struct itimerval t = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &t, NULL);
}

void fuzz_begin(size_t n, size_t fixed)
{
	static bool hooked;

	if (!hooked) {
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
		signal(SIGPROF, on_time);
	}
	hooked = true;
	live = input = 0;
	most = fixed;
	come(n);
	set_timer(SECONDS);
	counting = true;
}

void fuzz_end(void)
{
	counting = false;
	set_timer(0);
}

/* The linker calls these instead of the libraries' functions (--wrap, fuzz_wraps in
 * tests/tests.mk). Unpacked bytes count as input. */

la_ssize_t __real_archive_read_data(struct archive *, void *, size_t);
la_ssize_t __wrap_archive_read_data(struct archive *, void *, size_t);
int __real_inflate(z_streamp, int);
int __wrap_inflate(z_streamp, int);

/* Requests of our own code are counted before they are granted. libarchive may request
 * terabytes because of a header; it must get the failure that any allocator would
 * give. */

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=1024";
}

#define WANTS(name, parameters, arguments, bytes) \
	void *__real_##name parameters; \
	void *__wrap_##name parameters; \
	void *__wrap_##name parameters \
	{ \
		want(bytes); \
		return __real_##name arguments; \
	}

static void want(double bytes)
{
	if (counting && bytes > (double)most)
		fuzz_broken(__FILE__, __LINE__,
		    "%.0f bytes are asked for, for an input of %zu bytes", bytes,
		    input);
}

WANTS(malloc, (size_t n), (n), (double)n)
WANTS(calloc, (size_t n, size_t size), (n, size), (double)n *(double)size)
WANTS(realloc, (void *p, size_t n), (p, n), (double)n)
WANTS(reallocarray, (void *p, size_t n, size_t size), (p, n, size),
    (double)n *(double)size)
WANTS(aligned_alloc, (size_t alignment, size_t n), (alignment, n), (double)n)

la_ssize_t __wrap_archive_read_data(struct archive *a, void *buf, size_t size)
{
	la_ssize_t n = __real_archive_read_data(a, buf, size);

	if (n > 0)
		come((size_t)n);
	return n;
}

int __wrap_inflate(z_streamp z, int how)
{
	uInt before = z->avail_out;
	int r = __real_inflate(z, how);

	come(before - z->avail_out);
	return r;
}

/* --- inputs ----------------------------------------------------------------------- */

struct pieces {
	const uint8_t *data;
	size_t left;
	unsigned round; /* 0: whole */
};

/* 1, 2, 3 .. 11, 1 .. bytes at a time; more of a long input, which would otherwise take
 * too long. */
static ssize_t pieces_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct pieces *p = ctx;
	size_t piece = p->left;

	(void)e;
	if (p->round)
		piece = p->round++ % 11 + 1 + p->left / 64;
	if (size > piece)
		size = piece;
	if (size > p->left)
		size = p->left;
	if (size)
		memcpy(buf, p->data, size);
	p->data += size;
	p->left -= size;
	return (ssize_t)size;
}

static void read_once(const uint8_t *data, size_t size, unsigned round,
    fuzz_reader *reader, struct fuzz_result *result)
{
	static const struct cnn_input_ops ops = { pieces_read, free };
	struct pieces *p = malloc(sizeof *p);
	struct cnn_input *in;

	fuzz_check(p, "no memory");
	*p = (struct pieces){ data, size, round };
	fuzz_check(cnn_input_wrap(&in, "x", &ops, p, &result->e) == CNN_OK, "%s",
	    result->e.text);
	reader(in, result);
	fuzz_check((result->code < 0) == (result->e.code != CNN_OK),
	    "code %d, but the message is \"%s\"", result->code, result->e.text);
}

void fuzz_agree(const struct fuzz_result *a, const struct fuzz_result *b,
    const char *how)
{
	fuzz_check(a->code == b->code, "%s: code %d, not %d: %s%s", how, b->code,
	    a->code, a->e.text, b->e.text);
	fuzz_check(a->loose || strcmp(a->e.text, b->e.text) == 0,
	    "%s: it says \"%s\", not \"%s\"", how, b->e.text, a->e.text);
	fuzz_check(a->code < 0 || a->digest == b->digest, "%s: other content", how);
}

void fuzz_read(const uint8_t *data, size_t size, fuzz_reader *reader)
{
	struct fuzz_result whole = { 0 }, pieces = { 0 };

	fuzz_begin(size, FUZZ_FIXED);
	read_once(data, size, 0, reader, &whole);
	fuzz_begin(size, FUZZ_FIXED);
	pieces.flavour = 1;
	read_once(data, size, 1, reader, &pieces);
	fuzz_end();
	fuzz_agree(&whole, &pieces, "in pieces");
}

/* --- digests ---------------------------------------------------------------------- */

void fuzz_add(struct fuzz_result *result, const void *data, size_t size)
{
	result->digest = XXH3_64bits_withSeed(data, size, result->digest);
}

void fuzz_add_text(struct fuzz_result *result, const char *text)
{
	fuzz_add(result, text, strlen(text) + 1);
}

void fuzz_add_header(struct fuzz_result *result, const struct cnn_header *h)
{
	fuzz_add(result, &h->kind, sizeof h->kind);
	for (size_t i = 0; i < h->field_count; i++) {
		const struct cnn_field *f = &h->fields[i];

		fuzz_add_text(result, f->name);
		fuzz_add(result, &f->dtype, sizeof f->dtype);
		fuzz_add(result, f->shape, (size_t)f->rank * sizeof *f->shape);
	}
}

void fuzz_add_record(struct fuzz_result *result, const struct cnn_record *rec)
{
	for (size_t i = 0; i < rec->count; i++) {
		const struct cnn_tensor *t = &rec->tensors[i];
		size_t bytes;

		fuzz_check(cnn_tensor_bytes(t, &bytes),
		    "a shape beyond size_t was taken");
		fuzz_check((uintptr_t)t->data % cnn_dtype_size(t->dtype) == 0 || !bytes,
		    "field %s is not aligned", rec->names[i]);
		fuzz_add_text(result, rec->names[i]);
		fuzz_add(result, t->shape, (size_t)t->rank * sizeof *t->shape);
		if (bytes)
			fuzz_add(result, t->data, bytes);
	}
}

int fuzz_drain(struct cnn_input *in, struct fuzz_result *result)
{
	unsigned char buf[997];
	const unsigned char *p;
	size_t got, all;
	int r;

	/* A sparse file may be endless; its readers check the size of its packed
	 * form. */
	for (all = 0; all < DRAINED; all += got) {
		/* Peek and read by turns, like codecs do. */
		if ((r = cnn_input_peek(in, sizeof buf, &p, &got, &result->e)) < 0)
			return r;
		if (got == 0)
			return CNN_OK;
		if (got > sizeof buf)
			got = sizeof buf;
		fuzz_add(result, p, got);
		r = cnn_input_read(in, buf, got, &result->e);
		fuzz_check(r == CNN_OK, "what was seen is not read: %s",
		    result->e.text);
	}
	return CNN_OK;
}

void fuzz_codec(const struct cnn_codec *codec, struct cnn_input *in,
    struct fuzz_result *result)
{
	struct cnn_array *array;
	struct cnn_output *out;
	struct cnn_error own = { 0 };
	struct cnn_tensor part;
	size_t bytes, row, left, step;
	void *buf;

	if ((result->code = codec->open(&array, in, &result->e)) < 0)
		return;
	part = array->shape;
	fuzz_check(part.rank >= 1 && part.rank <= CNN_MAX_RANK && !part.data &&
		cnn_tensor_bytes(&part, &bytes),
	    "an array of no possible shape");
	fuzz_add(result, part.shape, (size_t)part.rank * sizeof *part.shape);
	left = part.shape[0];
	row = left ? bytes / left : 1;
	step = 1 + (result->flavour ? 4096 / row : 0);
	part.data = buf = malloc(step * row);
	fuzz_check(buf, "no memory for a row");
	do {
		size_t n = left < step ? left : step;

		if ((result->code = array->read(array, n, buf, &result->e)) < 0)
			break;
		for (size_t i = 0; i < n; i++)
			fuzz_add(result, (char *)buf + i * row, row);
		left -= n;
		part.shape[0] = n;
		if (n * row > WRITTEN)
			continue;
		out = fuzz_output();
		if (codec->write(&part, out, &own) == CNN_OK)
			cnn_output_commit(out, &own);
		else
			cnn_output_abort(out);
		fuzz_check(own.code == CNN_OK, "it can't be written again: %s",
		    own.text);
	} while (left);
	/* A larger read meets the end of the input first. */
	result->loose = strstr(result->e.text, "above the highest of int64") != NULL;
	free(buf);
	array->close(array);
}
