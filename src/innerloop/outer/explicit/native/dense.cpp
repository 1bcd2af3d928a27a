// The meta-gradient of small dense networks, whole: T tasks of a chain of linear layers with an
// activation between them, inner steps of plain gradient descent, and the way back over them.
//
// Rows of all arrays are padded to whole vectors. What pads is never summed over.
//
//   z_l = h_l-1 W_l^T + b_l,  h_l = f(z_l)       d_l = d(loss)/d(z_l),  u_l = d_l+1 W_l+1
//   lambda <- lambda - rate H lambda             H lambda: e_l moves d_l as W_l moves along V_l
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int BYTES = 64;
enum Bend { LEAKY = 0, TANH = 1, SIGMOID = 2 };
enum Loss { SQUARES = 0, CLASSES = 1 };

template <typename F> struct Lane;
template <> struct Lane<float> { typedef float V __attribute__((vector_size(BYTES), aligned(4))); };
template <> struct Lane<double> { typedef double V __attribute__((vector_size(BYTES), aligned(8))); };

template <typename F> long padded(long n) {
  const long lanes = BYTES / sizeof(F);
  return (n + lanes - 1) / lanes * lanes;
}

// C (m, n) = or += A (m, k) B (k, n); A[i][j] at a[i * ra + j * ca], n whole vectors
template <typename F, int M, int N>
inline void tile(long k, const F *a, long ra, long ca, const F *b, long rb, F *c, long rc, bool add) {
  typedef typename Lane<F>::V V;
  constexpr long L = BYTES / sizeof(F);
  V acc[M][N];
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) acc[i][j] = add ? *(const V *)(c + i * rc + j * L) : V{};
  for (long p = 0; p < k; p++) {
    V row[N];
    for (int j = 0; j < N; j++) row[j] = *(const V *)(b + p * rb + j * L);
    for (int i = 0; i < M; i++) {
      const F x = a[i * ra + p * ca];
      for (int j = 0; j < N; j++) acc[i][j] += x * row[j];
    }
  }
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) *(V *)(c + i * rc + j * L) = acc[i][j];
}

template <typename F, int N>
inline void strip(long m, long k, const F *a, long ra, long ca, const F *b, long rb, F *c, long rc, bool add) {
  long i = 0;
  for (; i + 5 <= m; i += 5) tile<F, 5, N>(k, a + i * ra, ra, ca, b, rb, c + i * rc, rc, add);
  for (; i < m; i++) tile<F, 1, N>(k, a + i * ra, ra, ca, b, rb, c + i * rc, rc, add);
}

template <typename F>
void product(long m, long n, long k, const F *a, long ra, long ca, const F *b, long rb, F *c, long rc, bool add) {
  const long L = BYTES / sizeof(F);
  long j = 0;
  for (; j + 3 * L <= n; j += 3 * L) strip<F, 3>(m, k, a, ra, ca, b + j, rb, c + j, rc, add);
  for (; j + L <= n; j += L) strip<F, 1>(m, k, a, ra, ca, b + j, rb, c + j, rc, add);
}

template <typename F> struct Weights {  // of all layers: W (o, i), its transpose, b
  std::vector<std::vector<F>> w, t, b;
};

template <typename F> struct Chain {
  long layers;
  std::vector<long> size, width;  // of the layers' inputs and outputs, and padded
  std::vector<int> bend;          // after layer l; the last has none
  std::vector<F> slope;
  int loss;

  Weights<F> weights() const {
    Weights<F> x;
    for (long l = 0; l < layers; l++) {
      x.w.emplace_back(size[l + 1] * width[l], F(0));
      x.t.emplace_back(size[l] * width[l + 1], F(0));
      x.b.emplace_back(width[l + 1], F(0));
    }
    return x;
  }
  void turn(Weights<F> &x) const {
    for (long l = 0; l < layers; l++)
      for (long o = 0; o < size[l + 1]; o++)
        for (long i = 0; i < size[l]; i++) x.t[l][i * width[l + 1] + o] = x.w[l][o * width[l] + i];
  }
};

template <typename F> struct Pass {  // of the rows of one set through the chain, there and back
  std::vector<std::vector<F>> h, f1, d, u;  // h[0] is x; f1: the activation's slope
  Pass(const Chain<F> &c, long rows) {
    for (long l = 0; l <= c.layers; l++) {
      h.emplace_back(rows * c.width[l], F(0));
      f1.emplace_back(rows * c.width[l], F(0));
      d.emplace_back(rows * c.width[l], F(0));
      u.emplace_back(rows * c.width[l], F(0));
    }
  }
};

template <typename F> void activate(int bend, F slope, long n, F *z, F *f1) {
  if (bend == LEAKY) {
    for (long i = 0; i < n; i++) { f1[i] = z[i] > 0 ? F(1) : slope; z[i] = z[i] > 0 ? z[i] : slope * z[i]; }
  } else if (bend == TANH) {
    for (long i = 0; i < n; i++) { z[i] = std::tanh(z[i]); f1[i] = 1 - z[i] * z[i]; }
  } else {
    for (long i = 0; i < n; i++) { z[i] = 1 / (1 + std::exp(-z[i])); f1[i] = z[i] * (1 - z[i]); }
  }
}

// Fills h and f1; the loss of the outputs, and its slope in d[layers]
template <typename F>
F forward(const Chain<F> &c, const Weights<F> &x, Pass<F> &p, long rows, const void *target, long ways) {
  for (long l = 0; l < c.layers; l++) {
    F *z = p.h[l + 1].data();
    const long n = c.width[l + 1];
    for (long s = 0; s < rows; s++) std::memcpy(z + s * n, x.b[l].data(), n * sizeof(F));
    product<F>(rows, n, c.size[l], p.h[l].data(), c.width[l], 1, x.t[l].data(), n, z, n, true);
    if (l + 1 < c.layers) activate(c.bend[l], c.slope[l], rows * n, z, p.f1[l + 1].data());
  }
  const long outputs = c.size[c.layers], n = c.width[c.layers];
  const F *y = p.h[c.layers].data();
  F *d = p.d[c.layers].data(), loss = 0;
  if (c.loss == SQUARES) {
    const F *t = (const F *)target, share = F(1) / (rows * outputs);
    for (long s = 0; s < rows; s++)
      for (long o = 0; o < outputs; o++) {
        const F gap = y[s * n + o] - t[s * outputs + o];
        loss += gap * gap * share;
        d[s * n + o] = 2 * gap * share;
      }
  } else {
    const int64_t *t = (const int64_t *)target;
    for (long s = 0; s < rows; s++) {
      F top = y[s * n], sum = 0;
      for (long o = 1; o < ways; o++) top = y[s * n + o] > top ? y[s * n + o] : top;
      for (long o = 0; o < ways; o++) sum += std::exp(y[s * n + o] - top);
      for (long o = 0; o < outputs; o++)
        d[s * n + o] = o < ways ? (std::exp(y[s * n + o] - top) / sum - (o == t[s])) / rows : F(0);
      loss += (std::log(sum) + top - y[s * n + t[s]]) / rows;
    }
  }
  return loss;
}

// From d[layers] down: d, u, and the gradient g (its transpose is not filled)
template <typename F>
void backward(const Chain<F> &c, const Weights<F> &x, Pass<F> &p, long rows, Weights<F> &g) {
  for (long l = c.layers - 1; l >= 0; l--) {
    const long n = c.width[l], m = c.width[l + 1];
    const F *d = p.d[l + 1].data();
    product<F>(c.size[l + 1], n, rows, d, 1, m, p.h[l].data(), n, g.w[l].data(), n, false);
    F *b = g.b[l].data();
    std::memset(b, 0, m * sizeof(F));
    for (long s = 0; s < rows; s++)
      for (long o = 0; o < m; o++) b[o] += d[s * m + o];
    if (l == 0) break;
    F *u = p.u[l].data(), *below = p.d[l].data();
    const F *f1 = p.f1[l].data();
    product<F>(rows, n, c.size[l + 1], d, m, 1, x.w[l].data(), n, u, n, false);
    for (long i = 0; i < rows * n; i++) below[i] = u[i] * f1[i];
  }
}

// hv = H v of the loss that `p` has passed through, at weights x
template <typename F>
void curve(const Chain<F> &c, const Weights<F> &x, const Weights<F> &v, const Pass<F> &p, Pass<F> &t,
           long rows, long ways, Weights<F> &hv) {  // t.h: tangents of h; t.f1: of f1; t.d: e
  for (long l = 0; l < c.layers; l++) {
    const long n = c.width[l + 1];
    F *z = t.h[l + 1].data();
    for (long s = 0; s < rows; s++) std::memcpy(z + s * n, v.b[l].data(), n * sizeof(F));
    product<F>(rows, n, c.size[l], p.h[l].data(), c.width[l], 1, v.t[l].data(), n, z, n, true);
    if (l) product<F>(rows, n, c.size[l], t.h[l].data(), c.width[l], 1, x.t[l].data(), n, z, n, true);
    if (l + 1 == c.layers) break;
    const F *f1 = p.f1[l + 1].data(), *y = p.h[l + 1].data();
    F *tf = t.f1[l + 1].data();
    if (c.bend[l] == TANH)
      for (long i = 0; i < rows * n; i++) tf[i] = -2 * y[i] * f1[i] * z[i];
    else if (c.bend[l] == SIGMOID)
      for (long i = 0; i < rows * n; i++) tf[i] = f1[i] * (1 - 2 * y[i]) * z[i];
    for (long i = 0; i < rows * n; i++) z[i] *= f1[i];
  }
  const long outputs = c.size[c.layers], top = c.width[c.layers];
  const F *z = t.h[c.layers].data();
  F *e = t.d[c.layers].data();
  if (c.loss == SQUARES) {
    const F share = F(2) / (rows * outputs);
    for (long i = 0; i < rows * top; i++) e[i] = share * z[i];
  } else {
    const F *y = p.h[c.layers].data();
    for (long s = 0; s < rows; s++) {
      F big = y[s * top], sum = 0, mean = 0;
      for (long o = 1; o < ways; o++) big = y[s * top + o] > big ? y[s * top + o] : big;
      for (long o = 0; o < ways; o++) sum += std::exp(y[s * top + o] - big);
      for (long o = 0; o < ways; o++) mean += std::exp(y[s * top + o] - big) / sum * z[s * top + o];
      for (long o = 0; o < outputs; o++)
        e[s * top + o] = o < ways ? std::exp(y[s * top + o] - big) / sum * (z[s * top + o] - mean) / rows : F(0);
    }
  }
  for (long l = c.layers - 1; l >= 0; l--) {
    const long n = c.width[l], m = c.width[l + 1];
    const F *dl = p.d[l + 1].data(), *el = t.d[l + 1].data();
    product<F>(c.size[l + 1], n, rows, el, 1, m, p.h[l].data(), n, hv.w[l].data(), n, false);
    if (l) product<F>(c.size[l + 1], n, rows, dl, 1, m, t.h[l].data(), n, hv.w[l].data(), n, true);
    F *b = hv.b[l].data();
    std::memset(b, 0, m * sizeof(F));
    for (long s = 0; s < rows; s++)
      for (long o = 0; o < m; o++) b[o] += el[s * m + o];
    if (l == 0) break;
    F *below = t.d[l].data();
    product<F>(rows, n, c.size[l + 1], el, m, 1, x.w[l].data(), n, below, n, false);
    product<F>(rows, n, c.size[l + 1], dl, m, 1, v.w[l].data(), n, below, n, true);
    const F *f1 = p.f1[l].data(), *u = p.u[l].data(), *tf = t.f1[l].data();
    const bool bent = c.bend[l - 1] != LEAKY;
    for (long i = 0; i < rows * n; i++) below[i] = below[i] * f1[i] + (bent ? u[i] * tf[i] : F(0));
  }
}

template <typename F> void axpy(const Chain<F> &c, F a, const Weights<F> &x, Weights<F> &y) {
  for (long l = 0; l < c.layers; l++) {
    for (size_t i = 0; i < y.w[l].size(); i++) y.w[l][i] += a * x.w[l][i];
    for (size_t i = 0; i < y.b[l].size(); i++) y.b[l][i] += a * x.b[l][i];
  }
  c.turn(y);
}

template <typename F> void rows_in(long rows, long n, long width, const F *from, F *to) {
  for (long s = 0; s < rows; s++) std::memcpy(to + s * width, from + s * n, n * sizeof(F));
}

template <typename F>
void meta_gradient(const F *theta, const F *xs, const void *ys, const F *xq, const void *yq, F *losses,
                   uint8_t *kept, F *grad, const int64_t *sizes, const int64_t *bends, const F *slopes,
                   long layers, long tasks, long support, long query, long steps, long exact_from,
                   long loss, long ways, F rate) {
  Chain<F> c;
  c.layers = layers;
  c.loss = (int)loss;
  long count = 0;
  for (long l = 0; l <= layers; l++) {
    c.size.push_back(sizes[l]);
    c.width.push_back(padded<F>(sizes[l]));
    if (l) count += sizes[l] * (sizes[l - 1] + 1);
    if (l < layers - 1) { c.bend.push_back((int)bends[l]); c.slope.push_back(slopes[l]); }
  }
  Weights<F> start = c.weights();
  const F *from = theta;
  for (long l = 0; l < layers; l++) {
    rows_in(sizes[l + 1], sizes[l], c.width[l], from, start.w[l].data());
    from += sizes[l + 1] * sizes[l];
    std::memcpy(start.b[l].data(), from, sizes[l + 1] * sizeof(F));
    from += sizes[l + 1];
  }
  c.turn(start);
  std::vector<Weights<F>> at(steps + 1, start);
  std::vector<Pass<F>> seen(steps, Pass<F>(c, support));
  Pass<F> last(c, query), moved(c, support);
  Weights<F> g = c.weights(), lambda = c.weights();
  std::vector<F> one(count);
  std::memset(grad, 0, count * sizeof(F));
  const long out = loss == SQUARES ? sizes[layers] * sizeof(F) : sizeof(int64_t);
  for (long t = 0; t < tasks; t++) {
    const char *ts = (const char *)ys + t * support * out, *tq = (const char *)yq + t * query * out;
    for (long k = 0; k < steps; k++) {
      rows_in(support, sizes[0], c.width[0], xs + t * support * sizes[0], seen[k].h[0].data());
      forward<F>(c, at[k], seen[k], support, ts, ways);
      backward<F>(c, at[k], seen[k], support, g);
      at[k + 1] = at[k];
      axpy<F>(c, -rate, g, at[k + 1]);
    }
    rows_in(query, sizes[0], c.width[0], xq + t * query * sizes[0], last.h[0].data());
    losses[t] = forward<F>(c, at[steps], last, query, tq, ways);
    backward<F>(c, at[steps], last, query, lambda);
    for (long k = steps - 1; k >= exact_from; k--) {
      if (k == steps - 1) c.turn(lambda);
      curve<F>(c, at[k], lambda, seen[k], moved, support, ways, g);
      axpy<F>(c, -rate, g, lambda);
    }
    bool finite = std::isfinite(losses[t]);
    F *to = one.data();
    for (long l = 0; l < layers; l++) {
      for (long o = 0; o < sizes[l + 1]; o++, to += sizes[l])
        std::memcpy(to, lambda.w[l].data() + o * c.width[l], sizes[l] * sizeof(F));
      std::memcpy(to, lambda.b[l].data(), sizes[l + 1] * sizeof(F));
      to += sizes[l + 1];
    }
    for (long i = 0; i < count; i++) finite &= std::isfinite(one[i]);
    kept[t] = finite;
    if (finite)
      for (long i = 0; i < count; i++) grad[i] += one[i];
  }
}

}  // namespace

// 0, or 1 where there was no memory
#define NAMED(F, f)                                                                               \
  int dense_meta_gradient_##f(F *theta, F *xs, void *ys, F *xq, void *yq, F *losses,             \
                               uint8_t *kept, F *grad, int64_t *sizes, int64_t *bends, F *slopes, \
                               long layers, long tasks, long support, long query, long steps,     \
                               long exact_from, long loss, long ways, F rate) {                   \
    try { meta_gradient<F>(theta, xs, ys, xq, yq, losses, kept, grad, sizes, bends, slopes, layers,     \
                     tasks, support, query, steps, exact_from, loss, ways, rate); return 0; } catch (...) { return 1; } \
  }

extern "C" {
NAMED(float, float)
NAMED(double, double)
}
