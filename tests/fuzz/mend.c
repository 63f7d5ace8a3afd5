/* mend.c - mutations that keep the checksums correct.
 *
 * Without that, nearly all mutations would end at the first wrong checksum, and the
 * code behind it would not be tested. These functions do not check whether the bytes
 * make sense: they skip what they do not find. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

static uint32_t big(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_big(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint64_t little(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void put_little(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
	return (uint32_t)crc32_z(0, p, n);
}

/* Each chunk: length, type, bytes, CRC of the last two. */
static void mend_png(uint8_t *p, size_t n)
{
	for (size_t at = 8; n - at >= 12;) {
		size_t length = big(p + at);

		if (length > n - at - 12)
			return;
		put_big(p + at + 8 + length, crc_of(p + at + 4, length + 4));
		at += length + 12;
	}
}

/* The CRC and the length of the inflated bytes follow the deflated ones. */
static void mend_gzip(uint8_t *p, size_t n)
{
	static uint8_t out[64 << 10];
	z_stream z = { .next_in = p + 10, .avail_in = (uInt)(n - 10) };
	uint32_t crc = 0;
	int r = Z_OK;

	if (n < 18 || p[3] != 0 || inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return;
	while (r == Z_OK && z.total_out < 1 << 20) {
		z.next_out = out;
		z.avail_out = sizeof out;
		r = inflate(&z, Z_NO_FLUSH);
		crc = (uint32_t)crc32(crc, out, (uInt)(sizeof out - z.avail_out));
	}
	if (r == Z_STREAM_END && z.avail_in >= 8) {
		p = (uint8_t *)(uintptr_t)z.next_in;
		put_little(p, crc);
		put_little(p + 4, (uint32_t)z.total_out);
	}
	inflateEnd(&z);
}

/* A header's checksum is computed with blanks in its own field. */
static void mend_tar(uint8_t *p, size_t n)
{
	for (; n >= 512; p += 512, n -= 512) {
		unsigned sum = 8 * ' ';
		char text[8];

		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		for (size_t i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? 0 : p[i];
		snprintf(text, sizeof text, "%06o", sum & 0777777);
		memcpy(p + 148, text, 7);
	}
}

/* The first 32 bytes hold the header's offset and length. */
static void mend_7z(uint8_t *p, size_t n)
{
	uint64_t at, length;

	if (n < 32)
		return;
	at = little(p + 12, 8);
	length = little(p + 20, 8);
	if (at <= n - 32 && length <= n - 32 - at)
		put_little(p + 28, crc_of(p + 32 + at, length));
	put_little(p + 8, crc_of(p + 12, 20));
}

/* The digest of one segment: of everything before its end record. */
static void mend_stream(uint8_t *p, size_t n)
{
	static const char end[] = "\x81\xa3"
				  "end",
			  key[] = "xxh3\xb0";
	uint8_t *to = NULL, *from = p, *found;
	char hex[17];

	/* The last end record; with several segments, the others stay unchanged. */
	while ((found = memmem(from, n - (size_t)(from - p), end, 5))) {
		to = found;
		from = found + 5;
	}
	if (!to || !(found = memmem(to, n - (size_t)(to - p), key, 5)) ||
	    n - (size_t)(found + 5 - p) < 16)
		return;
	snprintf(hex, sizeof hex, "%016llx",
	    (unsigned long long)XXH3_64bits(p, (size_t)(to - p)));
	memcpy(found + 5, hex, 16);
}

void fuzz_mend(uint8_t *p, size_t n)
{
	if (n > 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
		mend_png(p, n);
	else if (n > 18 && memcmp(p, "\x1f\x8b\x08", 3) == 0)
		mend_gzip(p, n);
	else if (n > 32 && memcmp(p, "7z\xbc\xaf\x27\x1c", 6) == 0)
		mend_7z(p, n);
	else if (n >= 512 && memcmp(p + 257, "ustar", 5) == 0)
		mend_tar(p, n);
	else if (n > 16 && (p[0] & 0xf0) == 0x80)
		mend_stream(p, n);
}

size_t fuzz_mutate(uint8_t *p, size_t n, size_t room, unsigned seed)
{
	n = LLVMFuzzerMutate(p, n, room);
	if (seed % 8)
		fuzz_mend(p, n);
	return n;
}
