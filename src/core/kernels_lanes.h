/*
 * kernels_lanes.h
 *	  Vectors of LANES floats, by GNU vector types; included once by each table of kernels.
 *
 * They are as wide as the registers: wider ones would be lowered to what there is, but not well.  Helpers are
 * always inlined, as a call would pass vectors through memory.
 */
#define INLINE static inline __attribute__((always_inline))

/* Doubles in the same bytes. */
#define WIDE (LANES / 2)

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t IntLanes __attribute__((vector_size(4 * LANES)));
typedef double WideLanes __attribute__((vector_size(4 * LANES)));
typedef float Quad __attribute__((vector_size(16)));
typedef int32_t IntQuad __attribute__((vector_size(16)));

/* The same at any address. */
typedef float LooseFloat __attribute__((aligned(1), may_alias));
typedef float LooseLanes __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef float LooseQuad __attribute__((vector_size(16), aligned(1), may_alias));
typedef float LooseHalf __attribute__((vector_size(2 * LANES), aligned(1), may_alias));
typedef double LooseWide __attribute__((vector_size(4 * LANES), aligned(8), may_alias));

#define LOAD(pointer)      (*(const LooseLanes *) (pointer))
#define LOAD_QUAD(pointer) (*(const LooseQuad *) (pointer))
#define LOAD_ONE(pointer)  (*(const LooseFloat *) (pointer))
#define LOAD_WIDE(pointer) __builtin_convertvector(*(const LooseHalf *) (pointer), WideLanes)

/* Elements of two quads, of which the second has numbers 4 .. 7. */
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, y, a, b, c, d) __builtin_shufflevector(x, y, a, b, c, d)
#else
#define SHUFFLE(x, y, a, b, c, d) __builtin_shuffle(x, y, (IntQuad){a, b, c, d})
#endif

/* |x| by clearing sign bits. */
#define ABSOLUTE(lanes) ((Lanes) ((IntLanes) (lanes) &0x7fffffff))

/* Quarters of the lanes, added up as a tree. */
INLINE Quad
lanes_fold(Lanes lanes)
{
	Quad quarter[LANES / 4];

	__builtin_memcpy(quarter, &lanes, sizeof(lanes));
#if LANES == 16
	quarter[0] = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
#elif LANES == 8
	quarter[0] += quarter[1];
#endif
	return quarter[0];
}

/*
 * The sum of all lanes, as a tree: converting each to double first would take longer than a short vector
 * does.
 */
INLINE float
lanes_sum(Lanes lanes)
{
	Quad quad = lanes_fold(lanes);

	return (quad[0] + quad[2]) + (quad[1] + quad[3]);
}
