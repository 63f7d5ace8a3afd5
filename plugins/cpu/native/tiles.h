/* tiles.h - AMX's tiles 0 to 7, 16 rows of 64 bytes each; part of amx-kernels.c.
 *
 *   tile_load(t, from, stride)  rows `stride` bytes apart
 *   tile_store(t, to, stride)
 *   tile_zero(t)
 *   tile_dot(c, a, b)           C += A B, see amx.h
 *   tiles_begin(), tiles_end()  around these, in each thread
 *
 * Tiles are numbers, not variables. With AMX_EMULATED, C does the same, for tests on a
 * CPU without AMX.
 */
#ifndef AMX_EMULATED

#define tile_load _tile_loadd
#define tile_store _tile_stored
#define tile_zero _tile_zero
#define tile_dot _tile_dpbf16ps

static inline void tiles_begin(void)
{
	struct {
		uint8_t palette, start_row, reserved[14];
		uint16_t row_bytes[16];
		uint8_t rows[16];
	} config = { .palette = 1 };

	for (int i = 0; i < 8; i++) {
		config.row_bytes[i] = 64;
		config.rows[i] = 16;
	}
	_tile_loadconfig(&config);
}

/* A thread without a configuration saves no tiles when it is interrupted. */
static inline void tiles_end(void)
{
	_tile_release();
}

#else

static _Thread_local union {
	uint8_t bytes[16][64];
	uint16_t halfs[16][32];
	float floats[16][16];
} tiles[8];

static inline void tile_load(int t, const void *from, size_t stride)
{
	for (size_t r = 0; r < 16; r++)
		memcpy(tiles[t].bytes[r], (const char *)from + r * stride, 64);
}

static inline void tile_store(int t, void *to, size_t stride)
{
	for (size_t r = 0; r < 16; r++)
		memcpy((char *)to + r * stride, tiles[t].bytes[r], 64);
}

static inline void tile_zero(int t)
{
	memset(&tiles[t], 0, sizeof tiles[t]);
}

static inline void tile_dot(int c, int a, int b)
{
	for (size_t m = 0; m < 16; m++)
		for (size_t n = 0; n < 16; n++)
			for (size_t k = 0; k < 32; k++)
				tiles[c].floats[m][n] += from_half(
							     tiles[a].halfs[m][k]) *
				    from_half(tiles[b].halfs[k / 2][2 * n + k % 2]);
}

static inline void tiles_begin(void)
{
}
static inline void tiles_end(void)
{
}

#endif
