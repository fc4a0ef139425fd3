// The limit: gradient descent of many networks with two sigmoid layers, as fast as C++ does it here.
//
// All sizes are template arguments, there is no stopping rule, and nothing is checked.  Each lane of
// a vector trains a network of its own, as in fastnn, with the same polynomial in the sigmoid.
// Weights, activations and gradients are local arrays; sums run in blocks of registers.

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

#define UNROLL _Pragma("GCC unroll 64")
#define INLINE __attribute__((always_inline)) inline

template <class T> struct Vector {
    typedef T type __attribute__((vector_size(BYTES)));
};
template <class T> using V = typename Vector<T>::type;
template <class T> constexpr int WIDTH = BYTES / sizeof(T);

template <class T> INLINE V<T> all(T x) { return x - V<T>{}; }

// c with exp(r) = (c + r) / (c - r).
INLINE V<double> exp_ratio(V<double> r) {
    V<double> u = r * r, u2 = u * u;
    V<double> c0 = 0.16666666666666435 * u + 2.0;
    V<double> c2 = 6.613756171346604e-05 * u - 0.002777777777622866;
    V<double> c4 = 4.1343455196340495e-08 * u - 1.6533777080529808e-06;
    return (c4 * u2 + c2) * u2 + c0;
}

INLINE V<float> exp_ratio(V<float> r) {
    V<float> u = r * r;
    return (-0.0027639277f * u + 0.16666584f) * u + 2.0f;
}

template <class T> struct Constants;
template <> struct Constants<double> {
    using integer = int64_t;
    static constexpr double shift = 6755399441055744.0, bound = 708.0;
    static constexpr double high = 0.6931471803691238, low = 1.9082149292705877e-10;
    static constexpr int mantissa = 52;
};
template <> struct Constants<float> {
    using integer = int32_t;
    static constexpr float shift = 12582912.0f, bound = 87.0f;
    static constexpr float high = 0.693359375f, low = -2.1219444e-4f;
    static constexpr int mantissa = 23;
};

// 1 / (1 + exp(-x)) is numerator / denominator.
template <class T> struct Ratio {
    V<T> numerator, denominator;
};
template <class T> INLINE Ratio<T> sigmoid_ratio(V<T> x) {
    using C = Constants<T>;
    typedef typename C::integer I __attribute__((vector_size(BYTES)));
    V<T> z = x < C::bound ? x : all<T>(C::bound);
    z = z > -C::bound ? z : all<T>(-C::bound);
    V<T> shifted = C::shift - z * T(1.4426950408889634);
    V<T> k = shifted - C::shift;
    V<T> r = k * -C::low + (k * -C::high - z);
    V<T> c = exp_ratio(r), a = c - r, b = c + r;
    return {a, a + (V<T>)((I)b + ((I)shifted << C::mantissa))};
}

constexpr int divisor(int n, int most) {
    int best = 1;
    for (int d = 1; d <= most && d <= n; d++)
        if (n % d == 0) best = d;
    return best;
}

// So many sigmoids stand side by side in the code that their latencies overlap.  XOR, ns per network
// and epoch: 5.0 with 4, 4.7 with 8, 4.6 with 16 (AVX2 is best with 4).
template <class T, int COUNT> INLINE void activate(V<T> *z) {
    constexpr int TOGETHER = divisor(COUNT, BYTES == 64 ? 16 : 4);
    for (int m = 0; m < COUNT; m += TOGETHER) {
        UNROLL for (int u = 0; u < TOGETHER; u++) {
            Ratio<T> y = sigmoid_ratio<T>(z[m + u]);
            z[m + u] = y.numerator / y.denominator;
        }
    }
}

// c(m, n) = start(m, n) + sum over k of a(m, k) * b(k, n), a block of sums at a time in registers.
template <class T, int M, int N, int K, int MOST, class Start, class A, class B, class End>
INLINE void contract(Start start, A a, B b, End end) {
    constexpr int NB = divisor(N, MOST > 8 ? 8 : MOST), MB = divisor(M, MOST / NB < 1 ? 1 : MOST / NB);
    for (int m = 0; m < M; m += MB)
        for (int n = 0; n < N; n += NB) {
            V<T> sum[MB][NB];
            UNROLL for (int i = 0; i < MB; i++)
                UNROLL for (int j = 0; j < NB; j++) sum[i][j] = start(m + i, n + j);
            for (int k = 0; k < K; k++) {
                UNROLL for (int i = 0; i < MB; i++)
                    UNROLL for (int j = 0; j < NB; j++)
                        sum[i][j] = a(m + i, k) * b(k, n + j) + sum[i][j];
            }
            UNROLL for (int i = 0; i < MB; i++)
                UNROLL for (int j = 0; j < NB; j++) end(m + i, n + j, sum[i][j]);
        }
}

template <class T, int N_IN, int HIDDEN, int N_OUT, int SAMPLES, bool BIAS, int TILE, int GROUPS,
          int MOST>
struct Trainer {
    using Vec = V<T>;
    static constexpr int PARAMETERS = (N_IN + BIAS) * HIDDEN + (HIDDEN + BIAS) * N_OUT;
    static constexpr int LANES = WIDTH<T> * GROUPS;
    static constexpr bool WHOLE = TILE == SAMPLES;
    static_assert(SAMPLES % TILE == 0);

    struct Layers {
        Vec w1[N_IN + BIAS][HIDDEN][GROUPS], w2[HIDDEN + BIAS][N_OUT][GROUPS];
    };
    Layers p, g;
    Vec h[TILE][HIDDEN][GROUPS], o[TILE][N_OUT][GROUPS], d1[TILE][HIDDEN][GROUPS], loss[GROUPS];

    INLINE void forward(const T *x) {
        for (int u = 0; u < GROUPS; u++)
            contract<T, TILE, HIDDEN, N_IN, MOST>(
                [&](int, int j) { return BIAS ? p.w1[N_IN][j][u] : Vec{}; },
                [&](int s, int i) { return all<T>(x[s * N_IN + i]); },
                [&](int i, int j) { return p.w1[i][j][u]; },
                [&](int s, int j, Vec v) { h[s][j][u] = v; });
        activate<T, TILE * HIDDEN * GROUPS>(&h[0][0][0]);
        for (int u = 0; u < GROUPS; u++)
            contract<T, TILE, N_OUT, HIDDEN, MOST>(
                [&](int, int j) { return BIAS ? p.w2[HIDDEN][j][u] : Vec{}; },
                [&](int s, int i) { return h[s][i][u]; },
                [&](int i, int j) { return p.w2[i][j][u]; },
                [&](int s, int j, Vec v) { o[s][j][u] = v; });
        activate<T, TILE * N_OUT * GROUPS>(&o[0][0][0]);
    }

    INLINE void backward(const T *x, const T *y, T rate, bool first) {
        for (int s = 0; s < TILE; s++)
            UNROLL for (int j = 0; j < N_OUT; j++)
                UNROLL for (int u = 0; u < GROUPS; u++) {
                    Vec v = o[s][j][u], error = v - y[s * N_OUT + j];
                    o[s][j][u] = (error + error) * (v - v * v);
                }
        for (int u = 0; u < GROUPS; u++) {
            contract<T, TILE, HIDDEN, N_OUT, MOST>(
                [&](int, int) { return Vec{}; }, [&](int s, int j) { return o[s][j][u]; },
                [&](int j, int i) { return p.w2[i][j][u]; },
                [&](int s, int i, Vec v) {
                    Vec a = h[s][i][u];
                    d1[s][i][u] = v * (a - a * a);
                });
            auto start1 = [&](int i, int j) { return WHOLE || first ? Vec{} : g.w1[i][j][u]; };
            auto start2 = [&](int i, int j) { return WHOLE || first ? Vec{} : g.w2[i][j][u]; };
            auto end1 = [&](int i, int j, Vec v) {
                if constexpr (WHOLE) p.w1[i][j][u] = p.w1[i][j][u] - rate * v;
                else g.w1[i][j][u] = v;
            };
            auto end2 = [&](int i, int j, Vec v) {
                if constexpr (WHOLE) p.w2[i][j][u] = p.w2[i][j][u] - rate * v;
                else g.w2[i][j][u] = v;
            };
            auto delta1 = [&](int s, int j) { return d1[s][j][u]; };
            auto delta2 = [&](int s, int j) { return o[s][j][u]; };
            contract<T, HIDDEN, N_OUT, TILE, MOST>(
                start2, [&](int i, int s) { return h[s][i][u]; }, delta2, end2);
            contract<T, N_IN, HIDDEN, TILE, MOST>(
                start1, [&](int i, int s) { return all<T>(x[s * N_IN + i]); }, delta1, end1);
            if constexpr (BIAS) {
                auto one = [](int, int) { return T(1); };
                contract<T, 1, N_OUT, TILE, MOST>(
                    [&](int, int j) { return start2(HIDDEN, j); }, one, delta2,
                    [&](int, int j, Vec v) { end2(HIDDEN, j, v); });
                contract<T, 1, HIDDEN, TILE, MOST>(
                    [&](int, int j) { return start1(N_IN, j); }, one, delta1,
                    [&](int, int j, Vec v) { end1(N_IN, j, v); });
            }
        }
    }

    INLINE void epoch(const T *x, const T *y, T rate) {
        for (int s = 0; s < SAMPLES; s += TILE) {
            forward(x + s * N_IN);
            backward(x + s * N_IN, y + s * N_OUT, rate, s == 0);
        }
        if constexpr (!WHOLE) {
            Vec *to = &p.w1[0][0][0], *from = &g.w1[0][0][0];
            for (int m = 0; m < PARAMETERS * GROUPS; m++) to[m] = to[m] - rate * from[m];
        }
    }

    INLINE void sum_of_squares(const T *x, const T *y) {
        for (int u = 0; u < GROUPS; u++) loss[u] = Vec{};
        for (int s = 0; s < SAMPLES; s += TILE) {
            forward(x + s * N_IN);
            for (int n = 0; n < TILE; n++)
                for (int j = 0; j < N_OUT; j++)
                    for (int u = 0; u < GROUPS; u++) {
                        Vec error = o[n][j][u] - y[(s + n) * N_OUT + j];
                        loss[u] = error * error + loss[u];
                    }
        }
    }

    // start: (restarts, PARAMETERS), each layer's weights and then its biases; sse: (restarts,).
    static void run(const T *x, const T *y, const T *start, T rate, int64_t epochs,
                    int64_t restarts, T *sse) {
        alignas(64) Trainer t;
        for (int64_t first = 0; first < restarts; first += LANES) {
            for (int m = 0; m < PARAMETERS; m++)
                for (int lane = 0; lane < LANES; lane++) {
                    int64_t k = first + lane < restarts ? first + lane : restarts - 1;
                    ((T *)&t.p)[m * LANES + lane] = start[k * PARAMETERS + m];
                }
            for (int64_t e = 0; e < epochs; e++) t.epoch(x, y, rate);
            t.sum_of_squares(x, y);
            for (int lane = 0; lane < LANES && first + lane < restarts; lane++)
                sse[first + lane] = ((T *)t.loss)[lane];
        }
    }
};

// Tuned on AVX-512: with another number of groups XOR takes 7.7 (1), 5.7 (2), 5.3 (3) ns.
constexpr int MORE = 64 / BYTES;

#define EXPORT(name, T, ...)                                                                      \
    extern "C" void name(const T *x, const T *y, const T *start, T rate, int64_t epochs,          \
                         int64_t restarts, T *sse) {                                              \
        Trainer<T, __VA_ARGS__>::run(x, y, start, rate, epochs, restarts, sse);                   \
    }

EXPORT(W2_float64, double, 2, 2, 1, 4, false, 4, 4 * MORE, 8)
EXPORT(W2_float32, float, 2, 2, 1, 4, false, 4, 4 * MORE, 8)
EXPORT(W2b_float64, double, 2, 2, 1, 4, true, 4, 4 * MORE, 8)
EXPORT(W3_float64, double, 10, 5, 10, 10, true, 10, 1, 5)
EXPORT(W3_float32, float, 10, 5, 10, 10, true, 10, 1, 5)
EXPORT(W4_float64, double, 4, 8, 3, 150, true, 10, 1, 8)
EXPORT(W4_float32, float, 4, 8, 3, 150, true, 5, 1, 8)
