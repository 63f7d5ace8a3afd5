/* few-gradient.h - the gradients of weights and bias; part of few-kernels.c. */

/* What grad_weight reads for a strip of rows of out, or of pairs of these. */
struct strip {
	const element *from; /* of its first row */
	size_t apart;	     /* elements from one row to the next */
	const vec *grad;     /* [rows][OW] */
	size_t rows, row, step;
};

/* grad[k] += the sums of `count` taps; beyond these the last is computed again. */
INLINE void gradient_tile(const struct strip *s, const uint32_t *places, size_t count,
    float *grad, size_t taps, bool dots)
{
	const element *from[MANY_TAPS];
	const vec *g = s->grad;
	vec sums[MANY_TAPS];

	UNROLL
	for (size_t k = 0; k < taps; k++) {
		from[k] = s->from + places[k < count ? k : count - 1];
		sums[k] = k < count ? *(const vec *)(grad + k * LANES) : (vec){ 0 };
	}
	for (size_t y = 0; y < s->rows; y++) {
		size_t at = y * s->apart, x = 0;

		for (; x + 2 <= s->row; x += 2, at += 2 * s->step, g += 2) {
			const vec left = g[0], right = g[1];

			UNROLL
			for (size_t k = 0; k < taps; k++) {
				sums[k] =
				    add_product(sums[k], from[k] + at, left, dots);
				sums[k] = add_product(sums[k], from[k] + at + s->step,
				    right, dots);
			}
		}
		for (; x < s->row; x++, at += s->step, g++)
			UNROLL
		for (size_t k = 0; k < taps; k++)
			sums[k] = add_product(sums[k], from[k] + at, g[0], dots);
	}
	UNROLL
	for (size_t k = 0; k < taps; k++)
		if (k < count)
			*(vec *)(grad + k * LANES) = sums[k];
}

INLINE void gradient_strip(const struct few *v, const struct strip *s, float *grad,
    bool dots)
{
	size_t k = 0;

	while (v->taps - k > FEW_TAPS) {
		const size_t left = v->taps - k;

		gradient_tile(s, v->places + k, left < MANY_TAPS ? left : MANY_TAPS,
		    grad + k * LANES, MANY_TAPS, dots);
		k += left < MANY_TAPS ? left : MANY_TAPS;
	}
	if (k < v->taps)
		gradient_tile(s, v->places + k, v->taps - k, grad + k * LANES, FEW_TAPS,
		    dots);
}

NOINLINE void sum_strip(const struct few *v, const struct strip *s, float *grad)
{
	gradient_strip(v, s, grad, false);
}

#if DOT
NOINLINE void dot_strip(const struct few *v, const struct strip *s, float *grad)
{
	gradient_strip(v, s, grad, true);
}

/* Interleaves the rows of in that belong to the strip: [rows][c][i][row]. */
static void interleave_strip(const struct few *v, const struct few_room *r,
    const uint16_t *image, size_t first, size_t rows)
{
	uint32_t *pairs = r->pairs;

	for (size_t y = 0; y < rows; y++)
		for (size_t k = 0; k < v->c * v->kh; k++, pairs += v->pair_row) {
			const size_t top = first + 2 * y;
			const uint16_t *from = image + v->row_places[k] +
			    top * v->sy * v->row;

			interleave(from, top + 1 < v->oh ? from + v->sy * v->row : NULL,
			    v->row, pairs);
		}
}
#endif

static void run_strip(const struct few *v, const struct strip *s, float *grad)
{
#if DOT
	if (v->dots) {
		dot_strip(v, s, grad);
		return;
	}
#endif
	sum_strip(v, s, grad);
}

/* Element `at` of grad_out, or 0 where relu stopped it. */
INLINE vec masked(const struct few *v, const struct cnn_call *c, size_t at)
{
	const vec g = load(c->grad_out, at, v->half);

	return v->relu ? where_above(load(c->out, at, v->half), g) : g;
}

/* Sets r->grad for rows of out, or pairs of rows, from `at` on; adds them to the bias's
 * gradient. `left` is how many rows of out there are. */
static void masked_strip(const struct few *v, const struct cnn_call *c,
    const struct few_room *r, size_t at, size_t rows, size_t left, float *bias)
{
	const size_t per = v->dots ? 2 : 1;
	vec sum = { 0 };

	for (size_t y = 0; y < rows; y++)
		for (size_t x = 0; x < v->ow; x++) {
			vec g = masked(v, c, at + y * per * v->ow + x);

			sum += g;
#if DOT
			if (v->dots) {
				vec next = { 0 };

				if (2 * y + 1 < left)
					next =
					    masked(v, c, at + (2 * y + 1) * v->ow + x);
				sum += next;
				g = (vec)(((ivec)g >> 16 & 0xffff) |
				    ((ivec)next & ~0xffff));
			}
#endif
			r->grad[y * v->ow + x] = g;
		}
	(void)left;
	*(vec *)bias += sum;
}

/* Adds the gradients of one sample. */
static void sample_gradient(const struct few *v, const struct cnn_call *c,
    const struct few_room *r, const void *image, size_t n, float *bias)
{
	const size_t per = v->dots ? 2 : 1, area = v->oh * v->ow;
	const size_t all = (v->oh + per - 1) / per;
	struct strip s = {
		.apart = v->sy * v->row,
		.grad = r->grad,
		.row = v->ow,
		.step = v->sx,
	};

	for (size_t y = 0; y < all; y += v->strip) {
		s.rows = all - y < v->strip ? all - y : v->strip;
		s.from = (const element *)image + y * v->sy * v->row;
#if DOT
		if (v->dots) {
			interleave_strip(v, r, image, 2 * y, s.rows);
			s.from = r->pairs;
			s.apart = v->c * v->kh * v->pair_row;
		}
#endif
		for (size_t b = 0; b < v->blocks; b++) {
			masked_strip(v, c, r,
			    (n * v->blocks + b) * area + y * per * v->ow, s.rows,
			    v->oh - y * per, bias + b * LANES);
			run_strip(v, &s,
			    (float *)c->grad_params[0] + b * v->taps * LANES);
		}
	}
}
