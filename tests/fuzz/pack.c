/* pack - packs files into one archive of any kind that libarchive writes.
 *
 *     pack FORMAT FILTER OUT FILE ...      7zip, ustar, zip ...; none, xz, lzip ...
 *
 * FORMAT may have an option: "zip,zip:compression=store". */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "pack: %s: %s\n", what, why);
	exit(1);
}

static void add(struct archive *a, const char *path)
{
	static char data[4 << 20];
	struct archive_entry *entry = archive_entry_new();
	const char *slash = strrchr(path, '/');
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		die(path, "can't be opened");
	n = fread(data, 1, sizeof data, f);
	fclose(f);
	archive_entry_set_pathname(entry, slash ? slash + 1 : path);
	archive_entry_set_size(entry, (la_int64_t)n);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, 0, 0);
	if (archive_write_header(a, entry) < ARCHIVE_WARN ||
	    archive_write_data(a, data, n) != (la_ssize_t)n)
		die(path, archive_error_string(a));
	archive_entry_free(entry);
}

int main(int argc, char **argv)
{
	struct archive *a = archive_write_new();
	char *options;

	if (argc < 5)
		die("usage", "pack FORMAT FILTER OUT FILE ...");
	if ((options = strchr(argv[1], ',')))
		*options++ = '\0';
	if (!a || archive_write_set_format_by_name(a, argv[1]) < ARCHIVE_WARN ||
	    (strcmp(argv[2], "none") &&
		archive_write_add_filter_by_name(a, argv[2]) < ARCHIVE_WARN) ||
	    (options && archive_write_set_options(a, options) < ARCHIVE_WARN) ||
	    archive_write_open_filename(a, argv[3]) != ARCHIVE_OK)
		die(argv[1], a ? archive_error_string(a) : "no memory");
	for (int i = 4; i < argc; i++)
		add(a, argv[i]);
	if (archive_write_close(a) != ARCHIVE_OK)
		die(argv[3], archive_error_string(a));
	archive_write_free(a);
	return 0;
}
