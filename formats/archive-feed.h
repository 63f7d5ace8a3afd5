/* archive-feed.h - gives libarchive the bytes of an input. Private to archive*.c. */
#ifndef FORMATS_ARCHIVE_FEED_H
#define FORMATS_ARCHIVE_FEED_H

#include "stream/io.h"

#include <archive.h>

struct cnn_archive_feed {
	struct cnn_input *in;
	struct cnn_error error; /* of in, kept while libarchive unwinds */
	/* The input is a zip and can seek: libarchive reads the members that its central
	 * directory lists, and no others. */
	bool by_directory;
	bool is_zip; /* that is read in one pass */
	/* Of such a zip: the last bytes read, for an end mark that spans two reads */
	unsigned char tail[3];
	size_t tail_size;
	uint64_t size; /* bytes read so far */
	/* Of such a zip: offset after the mark of the end record; 0: none. If several marks
	 * are possible, the first one. */
	uint64_t end_at;
	size_t step;  /* bytes of the next read */
	size_t chunk; /* the last bytes read, in buf */
	unsigned char buf[64 << 10];
};

/* Prepares for `in`, which the caller owns. */
int cnn_archive_feed_init(struct cnn_archive_feed *, struct cnn_input *in,
    struct cnn_error *);
/* Opens the archive on the feed. Returns libarchive's code. */
int cnn_archive_feed_open(struct cnn_archive_feed *, struct archive *);
/* Reads the rest of the input. */
int cnn_archive_feed_drain(struct cnn_archive_feed *, struct cnn_error *);
/* Call it after the drain: whether a zip that was read in one pass lacks its end record. */
bool cnn_archive_feed_is_cut(const struct cnn_archive_feed *);
/* Call it before the drain, when libarchive has used `used` bytes. CNN_EDATA unless only
 * zeros follow. */
int cnn_archive_feed_at_end(struct cnn_archive_feed *, uint64_t used,
    struct cnn_error *);

#endif
