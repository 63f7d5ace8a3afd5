/* direct-turn.h - transposes tensors; part of direct-kernels.c. */

/* Where mask is not NULL, elements at which it is 0 or less become 0. */
INLINE vec load_masked(const void *from, const void *mask, size_t at, size_t left,
    bool half)
{
	vec x = load_some(from, at, left, half);

	return mask ? where_above(load_some(mask, at, left, half), x) : x;
}

INLINE void turn_in(const void *from, const void *mask, size_t elements, size_t samples,
    const uint32_t *places, vec *to, bool half)
{
	for (size_t e = 0; e < elements; e += LANES) {
		const size_t left = elements - e;
		vec square[LANES];

		for (size_t k = 0; k < LANES; k++)
			square[k] = k < samples ?
			    load_masked(from, mask, k * elements + e, left, half) :
			    (vec){ 0 };
		transpose(square);
		for (size_t i = 0; i < LANES && i < left; i++)
			if (places[e + i] != NO_PLACE)
				to[places[e + i]] = square[i];
	}
}

/* Transposes samples n, n + 1, ... of a tensor. */
NOINLINE void direct_turn_in(const struct direct *v, const void *from, const void *mask,
    size_t elements, size_t n, size_t samples, const uint32_t *places, vec *to)
{
	if (v->half)
		turn_in((const uint16_t *)from + n * elements,
		    mask ? (const uint16_t *)mask + n * elements : NULL, elements,
		    samples, places, to, true);
	else
		turn_in((const float *)from + n * elements,
		    mask ? (const float *)mask + n * elements : NULL, elements, samples,
		    places, to, false);
}

INLINE void turn_out(const vec *from, size_t elements, size_t samples,
    const uint32_t *places, void *to, bool half)
{
	for (size_t e = 0; e < elements; e += LANES) {
		const size_t left = elements - e;
		vec square[LANES];

		for (size_t i = 0; i < LANES; i++)
			square[i] = i < left && places[e + i] != NO_PLACE ?
			    from[places[e + i]] :
			    (vec){ 0 };
		transpose(square);
		for (size_t k = 0; k < samples; k++)
			store_some(to, k * elements + e, left, half, square[k]);
	}
}

NOINLINE void direct_turn_out(const struct direct *v, const vec *from, size_t elements,
    size_t n, size_t samples, const uint32_t *places, void *to)
{
	if (v->half)
		turn_out(from, elements, samples, places, (uint16_t *)to + n * elements,
		    true);
	else
		turn_out(from, elements, samples, places, (float *)to + n * elements,
		    false);
}
