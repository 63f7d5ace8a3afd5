/* symbols.c - what a shared object exports. */
#include "symbols.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory, of which nothing is known yet. */
struct image {
	const char *data;
	size_t size;
};

/* `count` elements of `size` bytes at an offset, or NULL. */
static const void *part(const struct image *i, uint64_t offset, uint64_t count,
    size_t size)
{
	if (offset > i->size || count > (i->size - offset) / size)
		return NULL;
	return i->data + offset;
}

/* Compilers and linkers define symbols in each object; names of theirs begin so. */
static bool is_own(const char *name)
{
	static const char *const own[] = { "cnn_plugin_entry", "_init", "_fini",
		"_edata", "_end" };

	for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
		if (strcmp(name, own[k]) == 0)
			return true;
	return strncmp(name, "__", 2) == 0;
}

/* Adds the names in a table of dynamic symbols. */
static bool list(const struct image *i, const Elf64_Shdr *table,
    const Elf64_Shdr *strings, char *names, size_t size)
{
	const Elf64_Sym *symbols = part(i, table->sh_offset, table->sh_size, 1);
	const char *text = part(i, strings->sh_offset, strings->sh_size, 1);
	size_t n = 0;

	if (!symbols || !text || strings->sh_size == 0 ||
	    text[strings->sh_size - 1] != '\0')
		return false;
	for (size_t k = 0; k < table->sh_size / sizeof(*symbols); k++) {
		const Elf64_Sym *s = &symbols[k];

		if (s->st_name >= strings->sh_size)
			return false;
		if (ELF64_ST_BIND(s->st_info) != STB_GLOBAL ||
		    s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS ||
		    is_own(text + s->st_name) || n >= size)
			continue;
		n += (size_t)snprintf(names + n, size - n, "%s%s", n ? ", " : "",
		    text + s->st_name);
	}
	return true;
}

static bool list_all(const struct image *i, char *names, size_t size)
{
	const Elf64_Ehdr *head = part(i, 0, 1, sizeof(*head));
	const Elf64_Shdr *sections;

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    head->e_shentsize != sizeof(*sections) ||
	    !(sections = part(i, head->e_shoff, head->e_shnum, sizeof(*sections))))
		return false;
	for (size_t k = 0; k < head->e_shnum; k++)
		if (sections[k].sh_type == SHT_DYNSYM)
			return sections[k].sh_link < head->e_shnum &&
			    list(i, &sections[k], &sections[sections[k].sh_link], names,
				size);
	return false;
}

int exported_symbols(const char *path, char *names, size_t size, struct cnn_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image i = { 0 };
	struct stat st;
	void *data;
	bool good;

	*names = '\0';
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return cnn_fail_errno(e, errno, "%s", path);
	}
	i.size = (size_t)st.st_size;
	data = mmap(NULL, i.size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return cnn_fail_errno(e, errno, "%s", path);
	i.data = data;
	good = list_all(&i, names, size);
	munmap(data, i.size);
	return good ? CNN_OK : cnn_fail(e, CNN_EDATA, "%s: no table of symbols", path);
}
