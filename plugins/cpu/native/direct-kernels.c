/* direct-kernels.c - the kernels of direct.h for one level. */
#include "direct.h"

#include "simd.h"

/* Pixels of a tile of 1, 4 and 6 channels, so that its sums fit the registers; and taps
 * of a tile of GRAD_OUTS channels of grad_weight. */
#if AVX512
#define PIXELS_1 8
#define PIXELS_4 6
#define PIXELS_6 4
#define GRAD_TAPS 6
#else
#define PIXELS_1 8
#define PIXELS_4 3
#define PIXELS_6 2
#define GRAD_TAPS 3
#endif
#define GRAD_OUTS 4

/* A row of taps of a sum: distances from the job's `in` and `weight`. */
struct row {
	size_t in, weight;
};

struct direct_room {
	vec *in;
	vec *out; /* [o][ZH][ZW]; in backward [c][h][w], the input's gradient */
	vec *grad;
	vec *window; /* [o][PH][OW], max(0, s) of a row of windows */
	vec *pooled; /* [o][ZH][ZW], grad_out */
	struct row *rows;
};

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void direct_take(struct direct_room *r, const struct direct *v,
    struct native_room *room)
{
	const size_t out = v->o * v->zh * v->zw;
	const bool pools = v->pool != DIRECT_NO_POOL;
	const size_t back = v->wants_gradient ? v->c * v->h * v->w : 0;

	r->in = native_take(room, v->c * v->rows * v->row * sizeof(vec));
	r->out = native_take(room, most(out, back) * sizeof(vec));
	r->grad =
	    native_take(room, v->training * v->o * v->oh * v->grad_row * sizeof(vec));
	r->window = native_take(room, pools * v->o * v->ph * v->ow * sizeof(vec));
	r->pooled = native_take(room, pools * v->training * out * sizeof(vec));
	r->rows =
	    native_take(room, most(v->c_group, v->o_group) * v->kh * sizeof *r->rows);
}

static size_t direct_scratch(const struct direct *v)
{
	struct native_room room = { NULL, 0 };
	struct direct_room r;

	direct_take(&r, v, &room);
	return room.used;
}

#include "direct-turn.h"

/* --- tiles of out and of grad_in -------------------------------------------------- */

/* A row of pixels of up to `outs` channels. Pixel x of channel o is
 *   to[o * plane + x * to_step] = bias[o] + sum over the rows r and the taps k of
 *     weight[r.weight + weights[k] + o] in[r.in + shifts[k] + x * in_step] */
struct job {
	const vec *in;
	const float *weight, *bias; /* bias may be NULL */
	vec *to;
	size_t pixels, channels, in_step, to_step, plane;
	size_t row_count, tap_count;
	const struct row *rows;
	ptrdiff_t shifts[DIRECT_KERNEL];
	size_t weights[DIRECT_KERNEL];
	bool relu;
};

INLINE void sum_tile(const struct job *j, size_t first, size_t outs, size_t pixels)
{
	const size_t step = j->in_step;
	vec sums[24];

	UNROLL
	for (size_t o = 0; o < outs; o++) {
		const vec bias = splat(j->bias && o < j->channels ? j->bias[o] : 0);

		UNROLL
		for (size_t x = 0; x < pixels; x++)
			sums[o * pixels + x] = bias;
	}
	for (size_t r = 0; r < j->row_count; r++)
		for (size_t k = 0; k < j->tap_count; k++) {
			const vec *in = j->in + j->rows[r].in + first * step +
			    j->shifts[k];
			const float *w = j->weight + j->rows[r].weight + j->weights[k];

			UNROLL
			for (size_t x = 0; x < pixels; x++) {
				const vec value = in[x * step];

				UNROLL
				for (size_t o = 0; o < outs; o++)
					sums[o * pixels + x] += splat(w[o]) * value;
			}
		}
	for (size_t o = 0; o < outs && o < j->channels; o++)
		UNROLL
	for (size_t x = 0; x < pixels; x++) {
		const vec s = sums[o * pixels + x];

		j->to[o * j->plane + (first + x) * j->to_step] =
		    j->relu ? above_zero(s) : s;
	}
}

/* Tiles of `most` pixels, then one of half as many if that is enough. The last tile may
 * overlap the one before. direct.c counts on it. */
INLINE void sum_row(const struct job *j, size_t outs, size_t most)
{
	const size_t some = most > 1 ? most / 2 : 1, n = j->pixels;
	size_t x = 0;

	for (; x + most <= n; x += most)
		sum_tile(j, x, outs, most);
	if (x < n && n >= most && n - x > some)
		sum_tile(j, n - most, outs, most);
	else if (n >= some)
		for (; x < n; x += some)
			sum_tile(j, x + some <= n ? x : n - some, outs, some);
	else
		for (; x < n; x++)
			sum_tile(j, x, outs, 1);
}

NOINLINE void sum_row_1(const struct job *j)
{
	sum_row(j, 1, PIXELS_1);
}

NOINLINE void sum_row_4(const struct job *j)
{
	sum_row(j, 4, PIXELS_4);
}

NOINLINE void sum_row_6(const struct job *j)
{
	sum_row(j, 6, PIXELS_6);
}

static void run_job(const struct job *j, size_t outs)
{
	if (outs == 1)
		sum_row_1(j);
	else if (outs == 4)
		sum_row_4(j);
	else
		sum_row_6(j);
}

/* --- forward ---------------------------------------------------------------------- */

/* Computes row y of s, or of max(0, s), of all channels. */
static void forward_row(const struct direct *v, const struct direct_room *r,
    const struct cnn_call *c, size_t y, vec *to, size_t plane)
{
	const size_t tiles = (v->o_group + v->outs - 1) / v->outs;
	const size_t taps = v->c_group * v->kh * v->kw;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	struct job j = {
		.pixels = v->ow,
		.in_step = v->sx,
		.to_step = 1,
		.plane = plane,
		.tap_count = v->kw,
		.row_count = v->c_group * v->kh,
		.rows = r->rows,
		.relu = v->relu,
	};

	for (size_t k = 0; k < v->kw; k++) {
		j.shifts[k] = (ptrdiff_t)(k * v->dx);
		j.weights[k] = k * v->outs;
	}
	for (size_t i = 0; i < j.row_count; i++)
		r->rows[i] = (struct row){
			(i / v->kh * v->rows + y * v->sy + i % v->kh * v->dy) * v->row,
			i * v->kw * v->outs,
		};
	for (size_t g = 0; g < v->groups; g++)
		for (size_t t = 0; t < tiles; t++) {
			const size_t o = g * v->o_group + t * v->outs;
			const size_t left = v->o_group - t * v->outs;

			j.in = r->in + g * v->c_group * v->rows * v->row;
			j.weight = (const float *)c->packed +
			    (g * tiles + t) * taps * v->outs;
			j.bias = bias ? bias + o : NULL;
			j.to = to + o * plane;
			j.channels = left < v->outs ? left : v->outs;
			run_job(&j, v->outs);
		}
}

INLINE vec max_pool(const vec *window, const struct direct *v, ivec *winner)
{
	vec best = window[0];

	*winner = (ivec){ 0 };
	for (size_t k = 1; k < v->ph * v->pw; k++) {
		const vec x = window[k / v->pw * v->ow + k % v->pw];
		const ivec wins = (x > best) | is_nan(x);

		best = choose(wins, x, best);
		*winner = (*winner & ~wins) | (wins & (int32_t)k);
	}
	if (v->relu)
		*winner |= best <= (vec){ 0 };
	return best;
}

INLINE vec mean_pool(const vec *window, const struct direct *v, int8_t *codes)
{
	vec sum = { 0 };

	for (size_t k = 0; k < v->ph * v->pw; k++) {
		const size_t at = k / v->pw * v->ow + k % v->pw;
		ivec lives = ~(ivec){ 0 };

		sum += window[at];
		if (v->relu)
			lives = ~(window[at] <= (vec){ 0 });
		if (codes)
			store_codes(codes + at * LANES, lives);
	}
	return sum / (float)(v->ph * v->pw);
}

/* Pools row y of the windows. If `codes` is not NULL, stores the codes there; it points
 * to the first one of the group of samples. */
NOINLINE void pool_row(const struct direct *v, const struct direct_room *r, size_t y,
    int8_t *codes)
{
	for (size_t o = 0; o < v->o; o++)
		for (size_t x = 0; x < v->zw; x++) {
			const vec *window = r->window + o * v->ph * v->ow + x * v->pw;
			const size_t at = (o * v->zh + y) * v->zw + x;
			const size_t s = (o * v->oh + y * v->ph) * v->ow + x * v->pw;
			ivec winner;

			if (v->pool == DIRECT_MEAN) {
				r->out[at] = mean_pool(window, v,
				    codes ? codes + s * LANES : NULL);
				continue;
			}
			r->out[at] = max_pool(window, v, &winner);
			if (codes)
				store_codes(codes + at * LANES, winner);
		}
}

/* The bytes that are saved for a group of samples. */
static size_t code_count(const struct direct *v)
{
	return v->o * LANES * (v->pool == DIRECT_MAX ? v->zh * v->zw : v->oh * v->ow);
}

static void direct_run_forward(const struct direct *v, const struct cnn_call *c)
{
	struct native_room room = { c->scratch, 0 };
	struct direct_room r;

	direct_take(&r, v, &room);
	memset(r.in, 0, v->c * v->rows * v->row * sizeof(vec));
	for (size_t n = 0; n < c->samples; n += LANES) {
		const size_t left = c->samples - n, some = left < LANES ? left : LANES;

		direct_turn_in(v, c->in[0], NULL, v->in_count, n, some, v->in_places,
		    r.in);
		for (size_t y = 0; y < v->zh && v->pool == DIRECT_NO_POOL; y++)
			forward_row(v, &r, c, y, r.out + y * v->ow, v->oh * v->ow);
		for (size_t y = 0; y < v->zh && v->pool != DIRECT_NO_POOL; y++) {
			for (size_t i = 0; i < v->ph; i++)
				forward_row(v, &r, c, y * v->ph + i,
				    r.window + i * v->ow, v->ph * v->ow);
			pool_row(v, &r, y,
			    c->training ?
				(int8_t *)c->saved + n / LANES * code_count(v) :
				NULL);
		}
		direct_turn_out(v, r.out, v->out_count, n, some, v->out_places, c->out);
	}
}

/* --- the input's gradient --------------------------------------------------------- */

/* Computes row y of the input's gradient, all channels, in the columns first, first +
 * SX, ... */
static void back_columns(const struct direct *v, const struct direct_room *r,
    struct job *j, const float *packed, size_t y, size_t first)
{
	const size_t tiles = (v->c_group + v->back_outs - 1) / v->back_outs;
	const size_t taps = v->o_group * v->kh * v->kw;

	j->pixels = (v->w - first + v->sx - 1) / v->sx;
	j->tap_count = 0;
	for (size_t k = 0; k < v->kw; k++) {
		const ptrdiff_t x = (ptrdiff_t)(first + v->px) - (ptrdiff_t)(k * v->dx);

		if (x % (ptrdiff_t)v->sx != 0)
			continue;
		j->shifts[j->tap_count] = x / (ptrdiff_t)v->sx;
		j->weights[j->tap_count++] = k * v->back_outs;
	}
	for (size_t g = 0; g < v->groups; g++)
		for (size_t t = 0; t < tiles; t++) {
			const size_t c = g * v->c_group + t * v->back_outs;
			const size_t left = v->c_group - t * v->back_outs;

			j->in = r->grad + g * v->o_group * v->oh * v->grad_row;
			j->weight = packed + (g * tiles + t) * taps * v->back_outs;
			j->to = r->out + (c * v->h + y) * v->w + first;
			j->channels = left < v->back_outs ? left : v->back_outs;
			run_job(j, v->back_outs);
		}
}

static void back_row(const struct direct *v, const struct direct_room *r,
    const float *packed, size_t y)
{
	struct job j = {
		.in_step = 1,
		.to_step = v->sx,
		.plane = v->h * v->w,
		.rows = r->rows,
	};

	for (size_t o = 0; o < v->o_group; o++)
		for (size_t i = 0; i < v->kh; i++) {
			const size_t from = y + v->py, at = i * v->dy;

			if (from < at || (from - at) % v->sy != 0 ||
			    (from - at) / v->sy >= v->oh)
				continue;
			r->rows[j.row_count++] = (struct row){
				(o * v->oh + (from - at) / v->sy) * v->grad_row +
				    v->grad_left,
				(o * v->kh + i) * v->kw * v->back_outs,
			};
		}
	for (size_t first = 0; first < v->sx && first < v->w; first++)
		back_columns(v, r, &j, packed, y, first);
}

/* --- the gradient of pooling ------------------------------------------------------ */

/* Spreads r->pooled to r->grad: to the winners, or evenly. */
NOINLINE void spread(const struct direct *v, const struct direct_room *r,
    const int8_t *codes)
{
	const float share = 1 / (float)(v->ph * v->pw);

	for (size_t i = 0; i < v->o * v->zh * v->zw; i++) {
		const size_t x = i % v->zw * v->pw, row = i / v->zw;
		const size_t y = row / v->zh * v->oh + row % v->zh * v->ph;
		const vec g = r->pooled[i];

		for (size_t k = 0; k < v->ph * v->pw; k++) {
			const size_t at_y = y + k / v->pw, at_x = x + k % v->pw;
			vec *to = r->grad + at_y * v->grad_row + v->grad_left + at_x;

			if (v->pool == DIRECT_MAX) {
				const ivec code = load_codes(codes + i * LANES);

				*to = (vec)((ivec)g & (code == (int32_t)k));
			} else {
				const ivec lives = load_codes(
				    codes + (at_y * v->ow + at_x) * LANES);

				*to = (vec)((ivec)(g * share) & lives);
			}
		}
	}
}

/* --- the parameters' gradients ---------------------------------------------------- */

/* sums[i] = the sum of the lanes of x[i] */
INLINE void sum_lanes(const vec *x, size_t count, float *sums)
{
	for (size_t first = 0; first < count; first += LANES) {
		vec square[LANES], sum = { 0 };

		for (size_t i = 0; i < LANES; i++)
			square[i] = first + i < count ? x[first + i] : (vec){ 0 };
		transpose(square);
		UNROLL
		for (size_t i = 0; i < LANES; i++)
			sum += square[i];
		for (size_t i = 0; i < LANES && first + i < count; i++)
			sums[first + i] = sum[i];
	}
}

/* grad[o][k] += the sums for `outs` channels of a group and `count` taps from `k` on.
 * Beyond the last channel and the last tap these are computed again. */
INLINE void weight_tile(const struct direct *v, const vec *in, const vec *grad_out,
    size_t o, size_t k, float *grad, size_t outs, size_t count)
{
	const size_t taps = v->c_group * v->kh * v->kw;
	const size_t plane = v->oh * v->grad_row;
	vec x[24], sums[24];
	float lanes[24];

	UNROLL
	for (size_t i = 0; i < outs * count; i++)
		sums[i] = (vec){ 0 };
	for (size_t y = 0; y < v->oh; y++) {
		const vec *g = grad_out + y * v->grad_row + v->grad_left;
		const vec *from[24], *to[24];

		UNROLL
		for (size_t i = 0; i < count; i++)
			from[i] = in + y * v->sy * v->row +
			    v->taps[k + i < taps ? k + i : taps - 1];
		UNROLL
		for (size_t i = 0; i < outs; i++)
			to[i] = g +
			    (o + i < v->o_group ? o + i : v->o_group - 1) * plane;
		for (size_t p = 0; p < v->ow; p++) {
			UNROLL
			for (size_t i = 0; i < outs; i++)
				x[i] = to[i][p];
			UNROLL
			for (size_t i = 0; i < count; i++) {
				const vec value = from[i][p * v->sx];

				UNROLL
				for (size_t n = 0; n < outs; n++)
					sums[i * outs + n] += x[n] * value;
			}
		}
	}
	sum_lanes(sums, outs * count, lanes);
	for (size_t n = 0; n < outs && o + n < v->o_group; n++)
		for (size_t i = 0; i < count && k + i < taps; i++)
			grad[(o + n) * taps + k + i] += lanes[i * outs + n];
}

/* Of one group. */
NOINLINE void weight_gradient(const struct direct *v, const vec *in,
    const vec *grad_out, float *grad)
{
	const size_t taps = v->c_group * v->kh * v->kw;

	if (v->o_group == 1)
		for (size_t k = 0; k < taps; k += PIXELS_1)
			weight_tile(v, in, grad_out, 0, k, grad, 1, PIXELS_1);
	else
		for (size_t o = 0; o < v->o_group; o += GRAD_OUTS)
			for (size_t k = 0; k < taps; k += GRAD_TAPS)
				weight_tile(v, in, grad_out, o, k, grad, GRAD_OUTS,
				    GRAD_TAPS);
}

NOINLINE void bias_gradient(const struct direct *v, const vec *grad_out, float *grad)
{
	for (size_t o = 0; o < v->o; o++) {
		vec sum = { 0 };
		float all;

		for (size_t y = 0; y < v->oh; y++) {
			const vec *row = grad_out + (o * v->oh + y) * v->grad_row +
			    v->grad_left;
			vec part = { 0 };

			for (size_t x = 0; x < v->ow; x++)
				part += row[x];
			sum += part;
		}
		sum_lanes(&sum, 1, &all);
		grad[o] += all;
	}
}

static void direct_run_backward(const struct direct *v, const struct cnn_call *c)
{
	const size_t in_group = v->c_group * v->rows * v->row;
	const size_t grad_group = v->o_group * v->oh * v->grad_row;
	const size_t weights = v->o_group * v->c_group * v->kh * v->kw;
	const float *packed = (const float *)c->packed + v->packed_out;
	float *grad_weight = c->grad_params[0];
	struct native_room room = { c->scratch, 0 };
	struct direct_room r;

	direct_take(&r, v, &room);
	memset(r.in, 0, v->c * v->rows * v->row * sizeof(vec));
	memset(r.grad, 0, v->o * v->oh * v->grad_row * sizeof(vec));
	memset(grad_weight, 0, v->groups * weights * sizeof *grad_weight);
	if (v->has_bias)
		memset(c->grad_params[1], 0, v->o * sizeof(float));
	for (size_t n = 0; n < c->samples; n += LANES) {
		const size_t left = c->samples - n, some = left < LANES ? left : LANES;

		direct_turn_in(v, c->in[0], NULL, v->in_count, n, some, v->in_places,
		    r.in);
		direct_turn_in(v, c->grad_out,
		    v->relu && v->pool == DIRECT_NO_POOL ? c->out : NULL, v->out_count,
		    n, some, v->grad_places,
		    v->pool == DIRECT_NO_POOL ? r.grad : r.pooled);
		if (v->pool != DIRECT_NO_POOL)
			spread(v, &r,
			    (const int8_t *)c->saved + n / LANES * code_count(v));
		for (size_t g = 0; g < v->groups; g++)
			weight_gradient(v, r.in + g * in_group, r.grad + g * grad_group,
			    grad_weight + g * weights);
		if (v->has_bias)
			bias_gradient(v, r.grad, c->grad_params[1]);
		if (!c->grad_in[0])
			continue;
		for (size_t y = 0; y < v->h; y++)
			back_row(v, &r, packed, y);
		direct_turn_out(v, r.out, v->in_count, n, some, v->back_places,
		    c->grad_in[0]);
	}
}

const struct direct_kernels LEVEL_NAME(direct_kernels) = {
	LANES,
	PIXELS_1,
	PIXELS_4,
	PIXELS_6,
	direct_scratch,
	direct_run_forward,
	direct_run_backward,
};
