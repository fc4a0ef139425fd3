// The limit: gradient descent of many networks with sigmoid layers, as fast as C++ does it here.
//
// All sizes are known when this is compiled, there is no stopping rule, and nothing is checked.
// Each lane of a vector trains a network of its own, as in fastnn, with the same polynomial in the
// sigmoid.  Weights, activations and gradients are local arrays; sums run in blocks of registers.
//
// contenders/limit.py compiles it several times for each work and keeps the fastest:
//   NUMBER        double or float
//   VECTOR_BYTES  bytes of a vector
//   SIZES         units of each layer, inputs first
//   SAMPLES       samples
//   BIAS          true or false
//   TILE          samples at once, a divisor of SAMPLES
//   GROUPS        vectors side by side in all loops
//   STRIPS        trainers of so many vectors that take their epochs in turn
//   BLOCK         registers for a block of sums
//   TOGETHER      sigmoids that stand side by side in the code, so that their latencies overlap

#include <cstdint>
#include <cstring>

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif
#define INLINE __attribute__((always_inline)) inline

using T = NUMBER;
constexpr int WIDTH = VECTOR_BYTES / sizeof(T);
typedef T V __attribute__((vector_size(VECTOR_BYTES)));

INLINE V all(T x) { return x - V{}; }

template <class> struct Constants;
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
using C = Constants<T>;
typedef typename C::integer I __attribute__((vector_size(VECTOR_BYTES)));

// c with exp(r) = (c + r) / (c - r).
INLINE V exp_ratio(V r) {
    V u = r * r;
    if constexpr (sizeof(T) == 8) {
        V u2 = u * u;
        V c0 = T(0.16666666666666435) * u + T(2.0);
        V c2 = T(6.613756171346604e-05) * u - T(0.002777777777622866);
        V c4 = T(4.1343455196340495e-08) * u - T(1.6533777080529808e-06);
        return (c4 * u2 + c2) * u2 + c0;
    } else {
        return (T(-0.0027639277f) * u + T(0.16666584f)) * u + T(2.0f);
    }
}

// 1 / (1 + exp(-x)) is numerator / denominator.
struct Ratio {
    V numerator, denominator;
};
INLINE Ratio sigmoid_ratio(V x) {
    V z = x < C::bound ? x : all(C::bound);
    z = z > -C::bound ? z : all(-C::bound);
    V shifted = C::shift - z * T(1.4426950408889634);
    V k = shifted - C::shift;
    V r = k * -C::low + (k * -C::high - z);
    V c = exp_ratio(r), a = c - r, b = c + r;
    return {a, a + (V)((I)b + ((I)shifted << C::mantissa))};
}

constexpr int divisor(int n, int most) {
    int best = 1;
    for (int d = 1; d <= most && d <= n; d++)
        if (n % d == 0) best = d;
    return best;
}

template <int COUNT> INLINE void activate(V *z) {
    constexpr int SIDE = divisor(COUNT, TOGETHER);
    for (int m = 0; m < COUNT; m += SIDE) {
        UNROLL for (int u = 0; u < SIDE; u++) {
            Ratio y = sigmoid_ratio(z[m + u]);
            z[m + u] = y.numerator / y.denominator;
        }
    }
}

// c(m, n) = start(m, n) + sum over k of a(m, k) * b(k, n), a block of sums at a time in registers.
template <int M, int N, int K, class Start, class A, class B, class End>
INLINE void contract(Start start, A a, B b, End end) {
    constexpr int NB = divisor(N, BLOCK > 8 ? 8 : BLOCK);
    constexpr int MB = divisor(M, BLOCK / NB < 1 ? 1 : BLOCK / NB);
    for (int m = 0; m < M; m += MB)
        for (int n = 0; n < N; n += NB) {
            V sum[MB][NB];
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

constexpr bool WHOLE = TILE == SAMPLES;
static_assert(SAMPLES % TILE == 0);

struct Stop {};

// A layer and all above it.
template <int N_IN, int N_OUT, int... ABOVE> struct Layers {
    static constexpr int ROWS = N_IN + BIAS, COUNT = ROWS * N_OUT;
    static constexpr bool LAST = sizeof...(ABOVE) == 0;
    struct Nothing {};
    template <bool, int...> struct Next { using type = Nothing; };
    template <int... REST> struct Next<true, REST...> { using type = Layers<REST...>; };

    V w[ROWS][N_OUT][GROUPS], g[WHOLE ? 1 : ROWS][N_OUT][GROUPS];
    V a[TILE][N_OUT][GROUPS], d[LAST ? 1 : TILE][N_OUT][GROUPS];  // the last deltas replace outputs
    typename Next<!LAST, N_OUT, ABOVE...>::type above;

    // below(s, i, u): output i of the layer below for sample s.
    template <class Below> INLINE void forward(Below below) {
        for (int u = 0; u < GROUPS; u++)
            contract<TILE, N_OUT, N_IN>(
                [&](int, int j) { return BIAS ? w[ROWS - 1][j][u] : V{}; },
                [&](int s, int i) { return below(s, i, u); },
                [&](int i, int j) { return w[i][j][u]; },
                [&](int s, int j, V v) { a[s][j][u] = v; });
        activate<TILE * N_OUT * GROUPS>(&a[0][0][0]);
        if constexpr (!LAST)
            above.forward([&](int s, int i, int u) { return a[s][i][u]; });
    }

    // down(s, i, u, v): takes the derivative v by that output, before these weights change.
    template <class Below, class Down>
    INLINE void backward(const T *y, T rate, bool first, Below below, Down down) {
        if constexpr (LAST) {
            for (int s = 0; s < TILE; s++)
                UNROLL for (int j = 0; j < N_OUT; j++)
                    UNROLL for (int u = 0; u < GROUPS; u++) {
                        V v = a[s][j][u], error = v - y[s * N_OUT + j];
                        a[s][j][u] = (error + error) * (v - v * v);
                    }
        } else {
            above.backward(
                y, rate, first, [&](int s, int i, int u) { return a[s][i][u]; },
                [&](int s, int i, int u, V v) {
                    V out = a[s][i][u];
                    d[s][i][u] = v * (out - out * out);
                });
        }
        for (int u = 0; u < GROUPS; u++) {
            auto delta = [&](int s, int j) { return LAST ? a[s][j][u] : d[s][j][u]; };
            if constexpr (!__is_same(Down, Stop))
                contract<TILE, N_IN, N_OUT>(
                    [&](int, int) { return V{}; }, delta,
                    [&](int j, int i) { return w[i][j][u]; },
                    [&](int s, int i, V v) { down(s, i, u, v); });
            auto start = [&](int i, int j) { return WHOLE || first ? V{} : g[i][j][u]; };
            auto end = [&](int i, int j, V v) {
                if constexpr (WHOLE) w[i][j][u] = w[i][j][u] - rate * v;
                else g[i][j][u] = v;
            };
            contract<N_IN, N_OUT, TILE>(
                start, [&](int i, int s) { return below(s, i, u); }, delta, end);
            if constexpr (BIAS)
                contract<1, N_OUT, TILE>(
                    [&](int, int j) { return start(N_IN, j); },
                    [](int, int) { return all(T(1)); }, delta,
                    [&](int, int j, V v) { end(N_IN, j, v); });
        }
    }

    INLINE void update(T rate) {
        V *to = &w[0][0][0], *from = &g[0][0][0];
        for (int m = 0; m < COUNT * GROUPS; m++) to[m] = to[m] - rate * from[m];
        if constexpr (!LAST) above.update(rate);
    }

    INLINE void add_errors(const T *y, V *loss) {
        if constexpr (LAST) {
            for (int s = 0; s < TILE; s++)
                for (int j = 0; j < N_OUT; j++)
                    for (int u = 0; u < GROUPS; u++) {
                        V error = a[s][j][u] - y[s * N_OUT + j];
                        loss[u] = error * error + loss[u];
                    }
        } else
            above.add_errors(y, loss);
    }

    void load(const T *start, int lane) {
        for (int m = 0; m < COUNT; m++) ((T *)w)[m * WIDTH * GROUPS + lane] = start[m];
        if constexpr (!LAST) above.load(start + COUNT, lane);
    }

    static constexpr int parameters() {
        if constexpr (LAST) return COUNT;
        else return COUNT + Next<!LAST, N_OUT, ABOVE...>::type::parameters();
    }
    static constexpr int outputs() {
        if constexpr (LAST) return N_OUT;
        else return Next<!LAST, N_OUT, ABOVE...>::type::outputs();
    }
    static constexpr int inputs() { return N_IN; }
};

struct Trainer {
    using Net = Layers<SIZES>;
    static constexpr int LANES = WIDTH * GROUPS, N_IN = Net::inputs(), N_OUT = Net::outputs();
    Net net;
    V loss[GROUPS];

    INLINE void epoch(const T *x, const T *y, T rate) {
        for (int s = 0; s < SAMPLES; s += TILE) {
            auto input = [&](int n, int i, int) { return all(x[(s + n) * N_IN + i]); };
            net.forward(input);
            net.backward(y + s * N_OUT, rate, s == 0, input, Stop{});
        }
        if constexpr (!WHOLE) net.update(rate);
    }

    INLINE void sum_of_squares(const T *x, const T *y) {
        for (int u = 0; u < GROUPS; u++) loss[u] = V{};
        for (int s = 0; s < SAMPLES; s += TILE) {
            net.forward([&](int n, int i, int) { return all(x[(s + n) * N_IN + i]); });
            net.add_errors(y + s * N_OUT, loss);
        }
    }
};

// start: (restarts, parameters), each layer's weights and then its biases; sse: (restarts,).
extern "C" void run(const T *x, const T *y, const T *start, T rate, int64_t epochs,
                    int64_t restarts, T *sse) {
    constexpr int LANES = Trainer::LANES, PARAMETERS = Trainer::Net::parameters();
    Trainer trainers[STRIPS];
    for (int64_t first = 0; first < restarts; first += LANES * STRIPS) {
        for (int64_t u = 0; u < STRIPS; u++)
            for (int lane = 0; lane < LANES; lane++) {
                int64_t k = first + u * LANES + lane;
                k = k < restarts ? k : restarts - 1;
                trainers[u].net.load(start + k * PARAMETERS, lane);
            }
        for (int64_t e = 0; e < epochs; e++)
            for (int64_t u = 0; u < STRIPS; u++) trainers[u].epoch(x, y, rate);
        for (int64_t u = 0; u < STRIPS; u++) {
            trainers[u].sum_of_squares(x, y);
            for (int lane = 0; lane < LANES; lane++) {
                int64_t k = first + u * LANES + lane;
                if (k < restarts) sse[k] = ((T *)trainers[u].loss)[lane];
            }
        }
    }
}
