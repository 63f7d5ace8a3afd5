/* fuzz-archive - archives and compressed files: each member's name and bytes. */
#include "fuzz.h"

#include "../../formats/format.h"

static void read_members(struct cnn_archive *a, struct fuzz_result *r)
{
	struct cnn_input *member;
	const unsigned char *p;
	const char *name;
	size_t have;

	while ((r->code = cnn_archive_next(a, &name, &member, &r->e)) == CNN_OK) {
		fuzz_add_text(r, name);
		/* One flavour only peeks into every third member. */
		if (r->flavour == 2 && *name % 3 == 0)
			r->code = cnn_input_peek(member, 16, &p, &have, &r->e);
		else
			r->code = fuzz_drain(member, r);
		cnn_input_close(member);
		if (r->code < 0)
			return;
	}
}

static void read_archive(struct cnn_input *in, struct fuzz_result *r)
{
	struct cnn_archive *a;
	bool is_archive;

	/* The reader of packed data reads ahead of the reader of unpacked data. */
	r->loose = true;
	if ((r->code = cnn_archive_sniff(in, &is_archive, &r->e)) < 0 || !is_archive) {
		cnn_input_close(in);
		return;
	}
	if ((r->code = cnn_archive_open(&a, in, &r->e)) < 0)
		return;
	read_members(a, r);
	cnn_archive_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_result r = { .flavour = 2 };
	struct cnn_input *in;

	fuzz_read(data, size, read_archive);
	fuzz_check(cnn_input_memory(&in, "x", data, size, &r.e) == CNN_OK, "memory");
	read_archive(in, &r);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return fuzz_mutate(data, size, room, seed);
}
