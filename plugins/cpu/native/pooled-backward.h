/* pooled-backward.h - backward of both forms, by the strips of pooled-sparse.h: splits a
 * call into groups of samples, and copies tensors to floats where needed; part of
 * pooled-kernels.c. */

/* Bytes of a group's samples, or of their gradient, in padded floats. */
static size_t sparse_room(const struct conv *v)
{
	size_t blocks = v->narrow ? 1 : v->in_blocks;

	return native_align(
	    v->group * blocks * v->rows * v->row * LANES * sizeof(float));
}

static size_t sparse_scratch(const struct conv *v)
{
	struct native_room scratch = { NULL, 0 };
	struct sparse s;

	sparse_take(&s, v, &scratch);
	return scratch.used +
	    (conv_takes_as_is(v) && !v->narrow ?
		    0 :
		    sparse_room(v) * (!v->narrow + v->wants_gradient));
}

/* Stores the gradient of sample n: copies padded floats to the tensor's layout and
 * type. */
static void sparse_store(const struct conv *v, const float *from, size_t n, void *out)
{
	if (v->narrow) {
		for (size_t c = 0; c < v->c; c++)
			for (size_t y = 0; y < v->h; y++)
				for (size_t x = 0; x < v->w; x++) {
					size_t to = ((n * v->c + c) * v->h + y) * v->w +
					    x;
					float value =
					    from[((y + v->pad) * v->row + x + v->pad) *
						    LANES +
						c];

					if (v->half)
						((uint16_t *)out)[to] = to_half(value);
					else
						((float *)out)[to] = value;
				}
		return;
	}
	for (size_t r = 0; r < v->in_blocks * v->h; r++) {
		const float *row = from +
		    ((r / v->h * v->rows + r % v->h + v->pad) * v->row + v->pad) *
			LANES;

		for (size_t x = 0; x < v->w; x++)
			store(out, (n * v->in_blocks * v->h + r) * v->w + x, v->half,
			    *(const vec *)(row + x * LANES));
	}
}

/* Processes the group of `count` samples that begins with n, strip by strip. */
static void sparse_group(struct sparse *s, const struct cnn_call *c, size_t n,
    size_t count, const float *weight, float *grad_weight, float *bias)
{
	const struct conv *v = s->v;
	const size_t plane = v->rows * v->row * LANES, rows = count * v->ph;
	const size_t step = v->pw < STRIP_WINDOWS ? STRIP_WINDOWS / v->pw : 1;
	const size_t most = GROUP_CHANNELS / LANES;

	for (size_t r0 = 0; r0 < rows; r0 += step) {
		size_t r1 = rows - r0 < step ? rows : r0 + step;

		for (size_t ob = 0; ob < v->out_blocks; ob += most) {
			size_t blocks = v->out_blocks - ob < most ? v->out_blocks - ob :
								    most;

			sparse_strip(s, c, n, r0, r1, ob, blocks, bias);
			for (size_t b = 0; b < s->blocks; b++) {
				size_t first = (b * v->out_blocks + ob) * LANES *
				    v->taps * LANES;

				if (s->x)
					(v->kernel == 3 ? gather_3 : gather_5)(s,
					    s->x + b * plane, grad_weight + first,
					    blocks * LANES);
				if (s->grad_x)
					(v->kernel == 3 ? spread_3 : spread_5)(s,
					    s->grad_x + b * plane, weight + first,
					    (r1 - r0) * v->pw);
			}
		}
	}
}

/* If grad_weight is NULL (narrow), only computes the input's gradient. Adds to `bias`
 * in any case. */
static void sparse_backward(const struct conv *v, const struct cnn_call *c,
    const float *weight, float *grad_weight, float *bias, struct native_room scratch)
{
	struct sparse s = { 0 };
	const size_t sample = (v->narrow ? 1 : v->in_blocks) * v->rows * v->row * LANES;
	const bool as_is = conv_takes_as_is(v) && !v->narrow;
	float *room = NULL, *grad_room = NULL;

	sparse_take(&s, v, &scratch);
	if (!as_is && grad_weight) {
		room = native_take(&scratch, sparse_room(v));
		native_clear(room, sparse_room(v));
	}
	if (!as_is)
		grad_room = native_take(&scratch, sparse_room(v));
	for (size_t n = 0; n < c->samples; n += v->group) {
		size_t count = c->samples - n < v->group ? c->samples - n : v->group;

		for (size_t i = 0; i < count && room; i++)
			padded_image(v, c->in[0], n + i, room + i * sample);
		if (grad_weight)
			s.x = room ? room : (float *)c->in[0] + n * sample;
		if (c->grad_in[0]) {
			s.grad_x = grad_room ? grad_room :
					       (float *)c->grad_in[0] + n * sample;
			native_clear(s.grad_x, count * sample * sizeof(float));
		}
		sparse_group(&s, c, n, count, weight, grad_weight, bias);
		for (size_t i = 0; i < count && s.grad_x && grad_room; i++)
			sparse_store(v, grad_room + i * sample, n + i, c->grad_in[0]);
	}
}

static void wide_backward(const struct conv *v, const struct cnn_call *c)
{
	const size_t channels = v->out_blocks * LANES;
	struct native_room scratch = { c->scratch, 0 };
	float *bias = native_take(&scratch, channels * sizeof(float));

	if (v->has_bias)
		bias = c->grad_params[1];
	native_clear(bias, channels * sizeof(float));
	native_clear(c->grad_params[0],
	    v->in_blocks * channels * v->taps * LANES * sizeof(float));
	sparse_backward(v, c, c->params[0], c->grad_params[0], bias, scratch);
}

static size_t wide_backward_scratch(const struct conv *v)
{
	return native_align(v->out_blocks * LANES * sizeof(float)) + sparse_scratch(v);
}
