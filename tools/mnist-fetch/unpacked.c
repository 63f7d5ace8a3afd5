/* unpacked.c - see unpacked.h. */
#include "unpacked.h"
#include "samples.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK ((size_t)256 << 10)

static const char *const endings[CNN_PARTS] = {
	"images-idx3-ubyte.gz",
	"labels-idx1-ubyte.gz",
};

/* The size of an IDX file: its header, then bytes. */
static uint64_t published_size(const struct cnn_dataset_info *d, enum cnn_split split,
    int which)
{
	return which == CNN_IMAGE ?
	    16 + d->samples[split] * cnn_catalogue_image_bytes(d) :
	    8 + d->samples[split];
}

/* Opens a file, decompressed. FIFOs and devices are CNN_EDATA: they are not waited
 * for. */
static int open_file(struct cnn_input **in, const char *path, struct cnn_error *e)
{
	struct cnn_input *raw;
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return cnn_fail(e, CNN_EDATA, "%s: not a file", path);
	if ((r = cnn_input_open(&raw, path, e)) < 0)
		return r;
	return cnn_unwrap(in, raw, NULL, NULL, e);
}

/* Reads to the end. */
static int digest_input(struct cnn_input *in, char text[CNN_SHA256_TEXT],
    uint64_t *size, struct cnn_error *e)
{
	unsigned char *buf = malloc(BLOCK);
	struct cnn_sha256 *digest = NULL;
	size_t got = 0;
	int r = buf ? cnn_sha256_new(&digest, e) :
		      cnn_fail(e, CNN_ENOMEM, "out of memory");

	*size = 0;
	while (r == CNN_OK && (r = cnn_input_some(in, buf, BLOCK, &got, e)) == CNN_OK &&
	    got > 0) {
		*size += got;
		r = cnn_sha256_add(digest, buf, got, e);
	}
	if (r == CNN_OK)
		r = cnn_sha256_text(digest, text, e);
	cnn_sha256_free(digest);
	free(buf);
	return r;
}

static int verify(const char *path, uint64_t want, char text[CNN_SHA256_TEXT],
    struct cnn_error *e)
{
	struct cnn_input *in;
	uint64_t size;
	int r = open_file(&in, path, e);

	if (r < 0)
		return r;
	r = digest_input(in, text, &size, e);
	cnn_input_close(in);
	if (r == CNN_OK && size != want)
		r = cnn_fail(e, CNN_EDATA, "has %" PRIu64 " bytes, not %" PRIu64, size,
		    want);
	if (r < 0)
		cnn_error_prefix(e, "%s", path);
	return r;
}

/* Finds the part in the folder. CNN_END if there is no file of that name. */
static int find(const char *folder, const struct cnn_part *part,
    char text[CNN_SHA256_TEXT], struct cnn_input **in, struct cnn_error *e)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	struct cnn_error why = { 0 };
	int r = CNN_END;
	char *path;

	if (!dir)
		return r;
	while (r != CNN_OK && (entry = readdir(dir))) {
		if (!cnn_part_is_named(part, entry->d_name))
			continue;
		why = (struct cnn_error){ 0 };
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
			r = cnn_fail(&why, CNN_ENOMEM, "out of memory");
			break;
		}
		/* Of two files, compressed and not, one may be damaged. */
		if ((r = verify(path, part->raw_bytes, text, &why)) == CNN_OK)
			r = open_file(in, path, &why);
		free(path);
	}
	closedir(dir);
	return r < 0 ? cnn_fail(e, r, "%s", why.text) : r;
}

static int open_both(struct cnn_unpacked *u, const char *folder,
    const struct cnn_dataset_info *d, enum cnn_split split,
    struct cnn_input *in[CNN_PARTS], struct cnn_error *e)
{
	char file[CNN_PARTS][CNN_PART_NAME];
	int missing = 0, found = 0;

	for (int i = 0; i < CNN_PARTS; i++) {
		/* The name that is compared is that of the decompressed file. */
		struct cnn_part part = {
			.file = file[i],
			.raw_bytes = published_size(d, split, i),
			.raw_sha256 = "",
		};
		int r;

		snprintf(file[i], sizeof file[i], "%s%s", d->members[split],
		    endings[i]);
		cnn_part_name(&part, u->name[i], sizeof u->name[i]);
		r = find(folder, &part, u->sha256[i], &in[i], e);
		if (r < 0)
			return r;
		*(r == CNN_OK ? &found : &missing) = i + 1;
	}
	if (found && missing)
		return cnn_fail(e, CNN_EDATA, "%s: contains %s, but not %s", folder,
		    u->name[found - 1], file[missing - 1]);
	return found ? CNN_OK :
		       cnn_fail(e, CNN_END, "it does not contain %s", file[CNN_IMAGE]);
}

int cnn_unpacked_open(struct cnn_unpacked *u, const char *folder,
    const struct cnn_dataset_info *d, enum cnn_split split,
    struct cnn_input *in[CNN_PARTS], struct cnn_error *e)
{
	static const char *const places[] = { "", "/gzip" };
	struct cnn_error why = { 0 };
	int r = CNN_END;
	char *path;

	in[CNN_IMAGE] = in[CNN_LABEL] = NULL;
	for (size_t i = 0; r == CNN_END && i < sizeof places / sizeof *places; i++) {
		why = (struct cnn_error){ 0 };
		if (asprintf(&path, "%s%s", folder, places[i]) < 0)
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		r = open_both(u, path, d, split, in, &why);
		free(path);
	}
	if (r == CNN_OK)
		return r;
	for (int i = 0; i < CNN_PARTS; i++) {
		cnn_input_close(in[i]);
		in[i] = NULL;
	}
	return cnn_fail(e, r, "%s", why.text);
}
