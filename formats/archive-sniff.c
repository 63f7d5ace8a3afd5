/* archive-sniff.c - detects archives and compressed files by their first bytes. */
#include "compressed.h"
#include "format.h"

#include <string.h>

#define TAR_BLOCK 512
#define TAR_SUM_AT 148 /* the checksum's place in a tar header */
#define TAR_SUM_SIZE 8

static const struct {
	const char *bytes;
	size_t at, size;
} magics[] = {
	{ "\x04\x22\x4d\x18", 0, 4 }, /* lz4 */
	{ "LZIP", 0, 4 },
	{ "\x1f\x9d", 0, 2 }, /* compress */
	{ "PK\3\4", 0, 4 },
	{ "PK\5\6", 0, 4 }, /* an empty zip */
	{ "7z\xbc\xaf\x27\x1c", 0, 6 },
	{ "ustar", 257, 5 },
};

/* Whether a block is the header of a tar without a magic number (v7): its checksum is
 * the sum of its bytes, those of the checksum itself taken as blanks. */
static bool is_old_tar(const unsigned char *p, size_t have)
{
	unsigned long sum = 0, want = 0;
	const unsigned char *digit = p + TAR_SUM_AT, *end = digit + TAR_SUM_SIZE;

	if (have < TAR_BLOCK || *p == 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= TAR_SUM_AT && i < TAR_SUM_AT + TAR_SUM_SIZE ? ' ' : p[i];
	while (digit < end && *digit == ' ')
		digit++;
	for (; digit < end && *digit >= '0' && *digit <= '7'; digit++)
		want = 8 * want + (unsigned long)(*digit - '0');
	return sum == want;
}

int cnn_archive_sniff(struct cnn_input *in, bool *is_archive, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(in, TAR_BLOCK, &p, &have, e);

	if (r < 0)
		return r;
	*is_archive = cnn_compressed_probe(p, have) || is_old_tar(p, have);
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (have >= magics[i].at + magics[i].size &&
		    !memcmp(p + magics[i].at, magics[i].bytes, magics[i].size))
			*is_archive = true;
	return CNN_OK;
}
