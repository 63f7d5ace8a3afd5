/* winograd-transform.h - the transforms of one row or column; part of winograd-kernels.c.
 * Those of a square are made of them: first its columns, then its rows. */

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
