// Batch norm, leaky rectifier and 2x2 max-pool in one pass over y (n, H, W, C), C innermost.
//
// The statistics are those of the first `seen` rows (all of them, or the support set's). Of each
// place that survives the pool, `kind` keeps which of the four it was (bits 0-1) and whether the
// rectifier bent it (bit 2), and `hat` its normalised value; without a pool only `kind` is kept.
// Sums over places go through blocks of 128, which keeps single precision accurate.
#include <cmath>
#include <cstdint>
#include <vector>

#define SIMD _Pragma("omp simd")

namespace {

template <typename F> struct Sums {  // two sums per channel, in blocks
  std::vector<F> a, b, p, q;
  long C, count = 0;
  explicit Sums(long C) : a(C), b(C), p(C), q(C), C(C) {}
  void flush() {
    for (long c = 0; c < C; c++) { a[c] += p[c]; b[c] += q[c]; p[c] = q[c] = 0; }
    count = 0;
  }
  void tick() { if (++count == 128) flush(); }
};

template <typename F, int P>
void forward(const F *__restrict y, const F *__restrict scale, const F *__restrict shift,
             F *__restrict mean, F *__restrict rstd, F *__restrict out, uint8_t *__restrict kind,
             F *__restrict hat, long n, long seen, long H, long W, long C, F eps, F slope) {
  const long M = seen * H * W, H2 = H / P, W2 = W / P;
  Sums<F> sums(C);
  F *p = sums.p.data(), *q = sums.q.data();
  const long few = M < 64 ? M : 64;
  std::vector<F> near(C);  // the mean of some places, which the sums are shifted by
  F *shift0 = near.data();
  for (long j = 0; j < few; j++) {
    const F *r = y + j * (M / few) * C;
    SIMD for (long c = 0; c < C; c++) shift0[c] += r[c] / few;
  }
  for (long m = 0; m < M; m++) {
    const F *r = y + m * C;
    SIMD for (long c = 0; c < C; c++) { F d = r[c] - shift0[c]; p[c] += d; q[c] += d * d; }
    sums.tick();
  }
  sums.flush();
  std::vector<F> A(C), B(C);
  for (long c = 0; c < C; c++) {
    F mu = sums.a[c] / M, var = sums.b[c] / M - mu * mu;
    if (var < 0) var = 0;
    mean[c] = mu + shift0[c];
    rstd[c] = 1 / std::sqrt(var + eps);
    A[c] = scale[c] * rstd[c];
    B[c] = shift[c] - A[c] * mean[c];
  }
  const F *a = A.data(), *b = B.data();
  for (long i = 0; i < n; i++) for (long h = 0; h < H2; h++) for (long w = 0; w < W2; w++) {
    const long o = ((i * H2 + h) * W2 + w) * C;
    const F *r0 = y + ((i * H + P * h) * W + P * w) * C;
    F *z = out + o;
    uint8_t *k = kind + o;
    if (P == 1) {
      SIMD for (long c = 0; c < C; c++) {
        F v = a[c] * r0[c] + b[c];
        z[c] = v > 0 ? v : slope * v;
        k[c] = v > 0 ? 0 : 4;
      }
    } else {
      const F *r1 = r0 + C, *r2 = r0 + W * C, *r3 = r2 + C;
      F *x = hat + o;
      SIMD for (long c = 0; c < C; c++) {
        F v0 = a[c] * r0[c] + b[c], v1 = a[c] * r1[c] + b[c];
        F v2 = a[c] * r2[c] + b[c], v3 = a[c] * r3[c] + b[c];
        F v = v0, s = r0[c];
        int j = 0;
        if (v1 > v || v1 != v1) { v = v1; j = 1; s = r1[c]; }
        if (v2 > v || v2 != v2) { v = v2; j = 2; s = r2[c]; }
        if (v3 > v || v3 != v3) { v = v3; j = 3; s = r3[c]; }
        z[c] = v > 0 ? v : slope * v;
        k[c] = (uint8_t)(j | (v > 0 ? 0 : 4));
        x[c] = (s - mean[c]) * rstd[c];
      }
    }
  }
}

// d(loss)/d(scale), d(shift), d(y) of g = d(loss)/d(out)
template <typename F, int P>
void backward(const F *__restrict g, const uint8_t *__restrict kind, const F *__restrict hat,
              const F *__restrict y, const F *__restrict mean, const F *__restrict rstd,
              const F *__restrict scale, F *__restrict gscale, F *__restrict gshift,
              F *__restrict gy, long n, long seen, long H, long W, long C, F slope) {
  const long M = seen * H * W, H2 = H / P, W2 = W / P, places = n * H2 * W2;
  Sums<F> sums(C);
  F *p = sums.p.data(), *q = sums.q.data();
  for (long m = 0; m < places; m++) {
    const F *gg = g + m * C, *x = P == 1 ? y + m * C : hat + m * C;
    const uint8_t *k = kind + m * C;
    SIMD for (long c = 0; c < C; c++) {
      F t = k[c] & 4 ? slope * gg[c] : gg[c];
      p[c] += t;
      q[c] += t * (P == 1 ? (x[c] - mean[c]) * rstd[c] : x[c]);
    }
    sums.tick();
  }
  sums.flush();
  std::vector<F> A(C), K0(C), K1(C);
  for (long c = 0; c < C; c++) {
    gshift[c] = sums.a[c];
    gscale[c] = sums.b[c];
    A[c] = scale[c] * rstd[c];
    K1[c] = -A[c] * rstd[c] * gscale[c] / M;
    K0[c] = -A[c] * gshift[c] / M - K1[c] * mean[c];
  }
  const F *a = A.data(), *k0 = K0.data(), *k1 = K1.data();
  for (long i = 0; i < n; i++) for (long h = 0; h < H; h++) for (long w = 0; w < W; w++) {
    const long m = ((i * H + h) * W + w) * C, h2 = h / P, w2 = w / P;
    const F *r = y + m;
    F *d = gy + m;
    const F on = i < seen ? 1 : 0;  // the other rows were only normalised
    if (h2 < H2 && w2 < W2) {
      const long o = ((i * H2 + h2) * W2 + w2) * C;
      const int j = P == 1 ? 0 : (int)((h & 1) * 2 + (w & 1));
      const F *gg = g + o;
      const uint8_t *k = kind + o;
      SIMD for (long c = 0; c < C; c++) {
        F t = (k[c] & 3) == j ? a[c] * gg[c] : 0;
        d[c] = on * (k0[c] + k1[c] * r[c]) + (k[c] & 4 ? slope * t : t);
      }
    } else {
      SIMD for (long c = 0; c < C; c++) d[c] = on * (k0[c] + k1[c] * r[c]);
    }
  }
}

// The tangent of forward along (yt, scalet, shiftt), all rows giving the statistics. m1 and m2
// keep what backward_tangent needs: the mean of yt, and of yt * hat.
template <typename F, int P>
void forward_tangent(const F *__restrict yt, const F *__restrict y, const F *__restrict mean,
                     const F *__restrict rstd, const F *__restrict scale,
                     const F *__restrict scalet, const F *__restrict shiftt,
                     const uint8_t *__restrict kind, const F *__restrict hat, F *__restrict m1,
                     F *__restrict m2, F *__restrict outt, F *__restrict hatt, long n, long H,
                     long W, long C, F slope) {
  const long M = n * H * W, H2 = H / P, W2 = W / P;
  Sums<F> sums(C);
  F *p = sums.p.data(), *q = sums.q.data();
  for (long m = 0; m < M; m++) {
    const F *r = y + m * C, *t = yt + m * C;
    SIMD for (long c = 0; c < C; c++) { p[c] += t[c]; q[c] += t[c] * (r[c] - mean[c]); }
    sums.tick();
  }
  sums.flush();
  for (long c = 0; c < C; c++) { m1[c] = sums.a[c] / M; m2[c] = sums.b[c] * rstd[c] / M; }
  for (long i = 0; i < n; i++) for (long h = 0; h < H2; h++) for (long w = 0; w < W2; w++) {
    const long o = ((i * H2 + h) * W2 + w) * C, m = ((i * H + P * h) * W + P * w) * C;
    const F *r0 = yt + m, *x = P == 1 ? y + m : hat + o;
    const uint8_t *k = kind + o;
    F *z = outt + o, *xt = hatt + o;
    const F *r1 = r0 + C, *r2 = r0 + W * C, *r3 = r2 + C;
    if (P == 1) {
      SIMD for (long c = 0; c < C; c++) {
        F u = (x[c] - mean[c]) * rstd[c], ut = rstd[c] * (r0[c] - m1[c] - u * m2[c]);
        F v = scalet[c] * u + scale[c] * ut + shiftt[c];
        z[c] = k[c] & 4 ? slope * v : v;
      }
    } else {
      SIMD for (long c = 0; c < C; c++) {
        int j = k[c] & 3;
        F t = j == 0 ? r0[c] : j == 1 ? r1[c] : j == 2 ? r2[c] : r3[c];
        F ut = rstd[c] * (t - m1[c] - x[c] * m2[c]);
        F v = scalet[c] * x[c] + scale[c] * ut + shiftt[c];
        xt[c] = ut;
        z[c] = k[c] & 4 ? slope * v : v;
      }
    }
  }
}

// The tangent of backward, gt being that of g.
template <typename F, int P>
void backward_tangent(const F *__restrict g, const F *__restrict gt,
                      const uint8_t *__restrict kind, const F *__restrict hat,
                      const F *__restrict hatt, const F *__restrict y, const F *__restrict yt,
                      const F *__restrict mean, const F *__restrict rstd, const F *__restrict m1,
                      const F *__restrict m2, const F *__restrict scale,
                      const F *__restrict scalet, const F *__restrict gscale,
                      const F *__restrict gshift, F *__restrict gscalet, F *__restrict gshiftt,
                      F *__restrict gyt, long n, long H, long W, long C, F slope) {
  const long M = n * H * W, H2 = H / P, W2 = W / P, places = n * H2 * W2;
  Sums<F> sums(C);
  F *p = sums.p.data(), *q = sums.q.data();
  for (long m = 0; m < places; m++) {
    const F *gg = g + m * C, *g2 = gt + m * C;
    const F *x = P == 1 ? y + m * C : hat + m * C, *xt = P == 1 ? yt + m * C : hatt + m * C;
    const uint8_t *k = kind + m * C;
    SIMD for (long c = 0; c < C; c++) {
      F s = k[c] & 4 ? slope : 1;
      F u = P == 1 ? (x[c] - mean[c]) * rstd[c] : x[c];
      F ut = P == 1 ? rstd[c] * (xt[c] - m1[c] - u * m2[c]) : xt[c];
      F t = s * g2[c];
      p[c] += t;
      q[c] += t * u + s * gg[c] * ut;
    }
    sums.tick();
  }
  sums.flush();
  std::vector<F> A(C), At(C), K0(C), K1(C), K2(C);
  for (long c = 0; c < C; c++) {
    gshiftt[c] = sums.a[c];
    gscalet[c] = sums.b[c];
    const F is = rstd[c], b = gshift[c] / M, s = gscale[c] / M, bt = sums.a[c] / M,
            st = sums.b[c] / M;
    A[c] = scale[c] * is;
    At[c] = scalet[c] * is - scale[c] * is * is * m2[c];
    // At (g - b - hat s) + A (gt - bt - hatt s - hat st), with hatt = is (yt - m1 - hat m2)
    const F at_hat = -At[c] * s - A[c] * st + A[c] * s * is * m2[c];
    K1[c] = at_hat * is;
    K2[c] = -A[c] * s * is;
    K0[c] = -At[c] * b - A[c] * bt + A[c] * s * is * m1[c] - K1[c] * mean[c];
  }
  const F *a = A.data(), *at = At.data(), *k0 = K0.data(), *k1 = K1.data(), *k2 = K2.data();
  for (long i = 0; i < n; i++) for (long h = 0; h < H; h++) for (long w = 0; w < W; w++) {
    const long m = ((i * H + h) * W + w) * C, h2 = h / P, w2 = w / P;
    const F *r = y + m, *t = yt + m;
    F *d = gyt + m;
    if (h2 < H2 && w2 < W2) {
      const long o = ((i * H2 + h2) * W2 + w2) * C;
      const int j = P == 1 ? 0 : (int)((h & 1) * 2 + (w & 1));
      const F *gg = g + o, *g2 = gt + o;
      const uint8_t *k = kind + o;
      SIMD for (long c = 0; c < C; c++) {
        F u = (k[c] & 3) == j ? at[c] * gg[c] + a[c] * g2[c] : 0;
        d[c] = k0[c] + k1[c] * r[c] + k2[c] * t[c] + (k[c] & 4 ? slope * u : u);
      }
    } else {
      SIMD for (long c = 0; c < C; c++) d[c] = k0[c] + k1[c] * r[c] + k2[c] * t[c];
    }
  }
}

}  // namespace

// 0, or 1 where there was no memory
#define NAMED(F, f)                                                                              \
  int norm_forward_##f(F *y, F *scale, F *shift, F *mean, F *rstd, F *out, uint8_t *kind,       \
                        F *hat, long n, long seen, long H, long W, long C, long pool, F eps,     \
                        F slope) {                                                               \
    try { (pool == 2 ? forward<F, 2> : forward<F, 1>)(y, scale, shift, mean, rstd, out, kind, hat, n,  \
                                                seen, H, W, C, eps, slope); return 0; } catch (...) { return 1; } \
  }                                                                                              \
  int norm_backward_##f(F *g, uint8_t *kind, F *hat, F *y, F *mean, F *rstd, F *scale,          \
                         F *gscale, F *gshift, F *gy, long n, long seen, long H, long W, long C, \
                         long pool, F slope) {                                                   \
    try { (pool == 2 ? backward<F, 2> : backward<F, 1>)(g, kind, hat, y, mean, rstd, scale, gscale,    \
                                                  gshift, gy, n, seen, H, W, C, slope); return 0; } catch (...) { return 1; } \
  }                                                                                              \
  int norm_forward_tangent_##f(F *yt, F *y, F *mean, F *rstd, F *scale, F *scalet, F *shiftt,   \
                                uint8_t *kind, F *hat, F *m1, F *m2, F *outt, F *hatt, long n,   \
                                long H, long W, long C, long pool, F slope) {                    \
    try { (pool == 2 ? forward_tangent<F, 2> : forward_tangent<F, 1>)(                                 \
        yt, y, mean, rstd, scale, scalet, shiftt, kind, hat, m1, m2, outt, hatt, n, H, W, C,     \
        slope); return 0; } catch (...) { return 1; } \
  }                                                                                              \
  int norm_backward_tangent_##f(F *g, F *gt, uint8_t *kind, F *hat, F *hatt, F *y, F *yt,       \
                                 F *mean, F *rstd, F *m1, F *m2, F *scale, F *scalet, F *gscale, \
                                 F *gshift, F *gscalet, F *gshiftt, F *gyt, long n, long H,      \
                                 long W, long C, long pool, F slope) {                           \
    try { (pool == 2 ? backward_tangent<F, 2> : backward_tangent<F, 1>)(                               \
        g, gt, kind, hat, hatt, y, yt, mean, rstd, m1, m2, scale, scalet, gscale, gshift,        \
        gscalet, gshiftt, gyt, n, H, W, C, slope); return 0; } catch (...) { return 1; } \
  }

extern "C" {
NAMED(float, float)
NAMED(double, double)
}
