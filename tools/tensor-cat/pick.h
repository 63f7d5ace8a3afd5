/* pick.h - samples selected by a list of their indices, in the order of the list. */
#ifndef TENSOR_CAT_PICK_H
#define TENSOR_CAT_PICK_H

#include "base/error.h"
#include "stream/stream.h"

#define CNN_PICK_LIMIT ((size_t)1 << 24) /* indices in a list */
#define CNN_PICK_TEXT 256

struct cnn_pick_list {
	uint64_t *items; /* repeats and any order are allowed */
	size_t count, room;
};

/* Parses "3,17,5-9", in which 5-9 means 5 to 9. Any text with other characters is the
 * path of a file with one index or range on each line ("-": standard input). A
 * malformed list is CNN_EUSAGE, a malformed file CNN_EDATA. The list must be freed also
 * on failure. */
int cnn_pick_parse(const char *, struct cnn_pick_list *, struct cnn_error *);
void cnn_pick_list_free(struct cnn_pick_list *);

/* Writes the list in a form that depends only on the indices: as text, or, if that does
 * not fit, as the number of indices and the XXH3 of the text. */
int cnn_pick_text(const struct cnn_pick_list *, char text[CNN_PICK_TEXT],
    struct cnn_error *);

/* Follows a list through records that arrive in the order of the data. It holds a sample
 * only from its arrival until its last place in the list, so nothing if the list is
 * ascending. */
struct cnn_picker;

/* The list must outlive the picker. */
int cnn_picker_open(struct cnn_picker **, const struct cnn_pick_list *,
    struct cnn_error *);
void cnn_picker_close(struct cnn_picker *);

/* Begins a segment of records that have the fields of the header, which must be valid
 * until cnn_picker_leave(). */
int cnn_picker_enter(struct cnn_picker *, const struct cnn_header *,
    struct cnn_error *);
/* Ends it. CNN_EDATA if samples of it are still to come in the list, because a later
 * segment cannot have them. */
int cnn_picker_leave(struct cnn_picker *, struct cnn_error *);

/* Gets the next samples of the list: n samples of *from, from `first` on, valid until
 * the next call of a function of the picker. `record` is the one that arrived last;
 * `begin` is the index of its first sample. False at the end of the list, or if the next
 * sample has not arrived. */
bool cnn_picker_next(struct cnn_picker *, struct cnn_record *record, uint64_t begin,
    struct cnn_record **from, size_t *first, size_t *n);
/* Holds the samples of the record that are still to come in the list. Call it once for
 * each record, after cnn_picker_next() has returned false. */
int cnn_picker_hold(struct cnn_picker *, struct cnn_record *record, uint64_t begin,
    struct cnn_error *);

/* CNN_EDATA if the list has an index that is not below `seen`, the number of samples. */
int cnn_picker_check(const struct cnn_picker *, uint64_t seen, struct cnn_error *);

#endif
