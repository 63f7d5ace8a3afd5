/* winograd-transform.h - the transforms of one row or column; part of winograd-kernels.c
 * and of pooled-kernels.c. Those of a square are made of them: first its columns, then
 * its rows. Without another word their points are 0, 1, -1, 2, -2 and infinity. */

/* out[6] = B' in[6] */
INLINE void transform_b(const vec *in, vec *out, size_t step)
{
	const vec d1 = in[1], d2 = in[2], d3 = in[3], d4 = in[4];

	out[0] = 4.f * in[0] - 5.f * d2 + d4;
	out[step] = (d3 + d4) - 4.f * (d1 + d2);
	out[2 * step] = (d4 - d3) + 4.f * (d1 - d2);
	out[3 * step] = (d4 - d2) + 2.f * (d3 - d1);
	out[4 * step] = (d4 - d2) - 2.f * (d3 - d1);
	out[5 * step] = 4.f * d1 - 5.f * d3 + in[5];
}

/* out[6] = 24 G in[3]: whole numbers stay whole, so that a sum that is 0 is exactly 0,
 * as relu's gradient needs. */
INLINE void transform_g(const vec *in, vec *out, size_t step)
{
	const vec g0 = in[0], g1 = in[1], g2 = in[2];
	const vec near = g0 + g2, far = g0 + 4.f * g2;

	out[0] = 6.f * g0;
	out[step] = -4.f * (near + g1);
	out[2 * step] = -4.f * (near - g1);
	out[3 * step] = far + 2.f * g1;
	out[4 * step] = far - 2.f * g1;
	out[5 * step] = 24.f * g2;
}

/* out[6] = G4 in[4] */
INLINE void transform_g4(const vec *in, vec *out, size_t step)
{
	const vec g0 = in[0], g1 = in[1], g2 = in[2], g3 = in[3];
	const vec near = g0 + g2, near_odd = g1 + g3;
	const vec far = g0 + 4.f * g2, far_odd = 2.f * g1 + 8.f * g3;

	out[0] = 0.25f * g0;
	out[step] = (near + near_odd) * (-1 / 6.f);
	out[2 * step] = (near - near_odd) * (-1 / 6.f);
	out[3 * step] = (far + far_odd) * (1 / 24.f);
	out[4 * step] = (far - far_odd) * (1 / 24.f);
	out[5 * step] = g3;
}

/* out[4] = A' in[6] */
INLINE void transform_a(const vec *in, vec *out, size_t step)
{
	const vec s1 = in[1] + in[2], d1 = in[1] - in[2];
	const vec s2 = in[3] + in[4], d2 = in[3] - in[4];

	out[0] = in[0] + s1 + s2;
	out[step] = d1 + 2.f * d2;
	out[2 * step] = s1 + 4.f * s2;
	out[3 * step] = d1 + 8.f * d2 + in[5];
}

/* out[3] = A3' in[6] */
INLINE void transform_a3(const vec *in, vec *out, size_t step)
{
	const vec s1 = in[1] + in[2], d1 = in[1] - in[2];
	const vec s2 = in[3] + in[4], d2 = in[3] - in[4];

	out[0] = in[0] + s1 + s2;
	out[step] = d1 + 2.f * d2;
	out[2 * step] = s1 + 4.f * s2 + in[5];
}

/* --- F(2, 5) ---------------------------------------------------------------------- */

/* out[6] = 24 G in[5], see transform_g() */
INLINE void large_g(const vec *in, size_t in_step, vec *out, size_t step)
{
	const vec g0 = in[0], g1 = in[in_step], g2 = in[2 * in_step];
	const vec g3 = in[3 * in_step], g4 = in[4 * in_step];
	const vec near = g0 + g2 + g4, near_odd = g1 + g3;
	const vec far = g0 + 4.f * g2 + 16.f * g4, far_odd = 2.f * g1 + 8.f * g3;

	out[0] = 6.f * g0;
	out[step] = -4.f * (near + near_odd);
	out[2 * step] = -4.f * (near - near_odd);
	out[3 * step] = far + far_odd;
	out[4 * step] = far - far_odd;
	out[5 * step] = 24.f * g4;
}

/* out[2] = A' in[6] */
INLINE void large_a(const vec *in, vec *out, size_t step)
{
	out[0] = in[0] + (in[1] + in[2]) + (in[3] + in[4]);
	out[step] = (in[1] - in[2]) + 2.f * (in[3] - in[4]) + in[5];
}

/* --- F(2, 3): points 0, 1, -1 and infinity ---------------------------------------- */

/* out[4] = G in[3] */
INLINE void small_g(const vec *in, size_t in_step, vec *out, size_t step)
{
	vec outer = 0.5f * (in[0] + in[2 * in_step]), inner = 0.5f * in[in_step];

	out[0] = in[0];
	out[step] = outer + inner;
	out[2 * step] = outer - inner;
	out[3 * step] = in[2 * in_step];
}

/* out[4] = B' in[4] */
INLINE void small_b(const vec *in, vec *out, size_t step)
{
	out[0] = in[0] - in[2];
	out[step] = in[1] + in[2];
	out[2 * step] = in[2] - in[1];
	out[3 * step] = in[1] - in[3];
}

/* out[2] = A' in[4] */
INLINE void small_a(const vec *in, vec *out, size_t step)
{
	out[0] = in[0] + in[1] + in[2];
	out[step] = in[1] - in[2] - in[3];
}
