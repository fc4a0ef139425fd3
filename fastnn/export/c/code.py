"""The functions of a header in C, with placeholders.

NAME stands for the prefix of names, `real` for the type of the network's numbers, LARGEST for the
largest of them, @ for the suffix of its math functions,
WIDEST for the number of units of the largest layer.  `GROUP` has what stands for the
other placeholders.  NAME_PUBLIC is a macro, see `LINKAGE`.
"""

from __future__ import annotations

GROUP = {
    "TAKEN_GROUP": "int group, ",
    "TESTED_GROUP": "NAME_checkgroup[i], ",
    "GIVEN_GROUP": "group, ",
    "NO_GROUP": "    if (group < 0 || group >= NAME_GROUPS)\n        return -1;\n",
    "MEMBER": "group",
}
"""Texts of the group of a sample in headers with a network for each group."""
NO_GROUP = dict.fromkeys(GROUP, "") | {"MEMBER": "0"}
"""The same in all others."""
HELPERS = {
    "sigmoid": """
static inline real NAME_sigmoid(real x)
{
    const real e = exp@(-fabs@(x));
    return (x < 0 ? e : 1) / (1 + e);
}
""",
    "softplus_rest": """
static inline real NAME_softplusrest(real x)
{
    return log1p@(exp@(-fabs@(x)));
}
""",
    "softplus": """
static inline real NAME_softplus(real x)
{
    return (x > 0 ? x : 0) + NAME_softplusrest(x);
}
""",
}
"""Operations of formulas that C's library lacks; a later one may call those before it."""
BOUNDED = """
static inline real NAME_bounded(real x)
{
    const real most = LARGEST;
    return x > most ? most : x < -most ? -most : x;
}
"""
SOFTMAX_OF = """
static inline void NAME_softmax(real *y, int n)
{
    real largest = -LARGEST, sum = 0;
    int j;
    for (j = 0; j < n; j++) {
        y[j] = NAME_bounded(y[j]);
        if (y[j] > largest)
            largest = y[j];
    }
    for (j = 0; j < n; j++) {
        y[j] = exp@(y[j] - largest);
        sum += y[j];
    }
    for (j = 0; j < n; j++)
        y[j] /= sum;
}
"""
DENSE = """
static inline void NAME_dense(const real *x, int n_in, const real *w,
                              const real *b, real *y, int n_out)
{
    int i, j;
    for (j = 0; j < n_out; j++)
        y[j] = b ? b[j] : 0;
    for (i = 0; i < n_in; i++)
        for (j = 0; j < n_out; j++)
            y[j] += x[i] * w[i * n_out + j];
}
"""
# A NaN, whose comparisons are false, becomes the upper end.
WHOLE = """
static inline int8_t NAME_whole(real x)
{
    x = x < 127 ? x : 127;
    x = x > -127 ? x : -127;
    return (int8_t)(x < 0 ? x - HALF : x + HALF);
}
"""
DENSE_OF_WHOLE = """
static inline void NAME_dense(const int8_t *x, int n_in, const int8_t *w,
                              const int32_t *b, real step, real *y, int n_out)
{
    int i, j;
    for (j = 0; j < n_out; j++) {
        int32_t sum = b[j];
        for (i = 0; i < n_in; i++)
            sum += (int32_t)x[i] * w[j * n_in + i];
        y[j] = (real)sum * step;
    }
}
"""
# Logarithms of sigmoids do not underflow; a softmax of them divides the sigmoids by their sum.
SHARE = """
static inline real NAME_logshare(real x)
{
    x = NAME_bounded(x);
    return (x < 0 ? x : 0) - log1p@(exp@(-fabs@(x)));
}

static inline real NAME_logsum(real x, real y)
{
    return (x > y ? x : y) + log1p@(exp@(-fabs@(x - y)));
}
"""
_LARGEST = """
NAME_PUBLIC int NAME_classify(TAKEN_GROUPconst real *x)
{{
NO_GROUP    {declared}
    int j, best = 0;{computed}
    for (j = 1; j < NAME_OUTPUTS; j++)
        if (y[j] > y[best])
            best = j;
    return best;
}}
"""
# The class of the largest probability.
CLASSIFY = _LARGEST.format(
    declared="real y[NAME_OUTPUTS];", computed="\n    NAME_predict(GIVEN_GROUPx, y);"
)
# The class of the largest input of a softmax or of sigmoids, which grow with it.
CLASSIFY_INPUTS = _LARGEST.format(
    declared="real u[WIDEST], v[WIDEST];\n    const real *y = NAME_network(x, MEMBER, u, v);",
    computed="",
)
CLASSIFY_SIGN = """
NAME_PUBLIC int NAME_classify(TAKEN_GROUPconst real *x)
{
NO_GROUP    real u[WIDEST], v[WIDEST];
    return NAME_network(x, MEMBER, u, v)[0] > 0;
}
"""
CHECK = """
NAME_PUBLIC int NAME_check(void)
{
    real y[NAME_OUTPUTS];
    int i, j, wrong = 0;
    for (i = 0; i < CHECKED; i++) {
        NAME_predict(TESTED_GROUPNAME_checkx[i], y);
        for (j = 0; j < NAME_OUTPUTS; j++)
            wrong += !(fabs@(y[j] - NAME_checky[i][j])
                       <= NAME_checkoff[0][j]);
    }
    return wrong;
}
"""
# A program that includes the header with NAME_DECLARATIONS gets declarations alone, and one file of
# it with NAME_IMPLEMENTATION the definitions; without either, all is static.
LINKAGE = """
#undef NAME_PUBLIC
#undef NAME_TABLE
#if defined(NAME_DECLARATIONS) \\
    || defined(NAME_IMPLEMENTATION)
#define NAME_PUBLIC extern
#define NAME_TABLE
#else
#define NAME_PUBLIC static inline
#define NAME_TABLE static
#endif
"""
