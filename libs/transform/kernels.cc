// Compiled once per instruction set, with AMAES_KERNELS as the name of what it gives. Everything else is in an unnamed
// namespace and nothing inline comes from a header: no function of one instruction set can stand in for another's.
#include "libs/transform/kernels.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

#ifndef AMAES_KERNELS
#define AMAES_KERNELS BaselineKernels
#endif

namespace amaes {
namespace {

using Index = std::int64_t;
typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));

template <typename V>
inline V Load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));
  return v;
}
template <typename V>
inline void Store(float* p, const V& v) {
  __builtin_memcpy(p, &v, sizeof(V));
}
inline V8 All(float x) { return V8{x, x, x, x, x, x, x, x}; }

inline float Clamp(float value, float low, float high) {
  const float above = value < low ? low : value;
  return above > high ? high : above;
}

// ---- Products

// Rows x 16 of C.
template <int kRows>
void Tile(Index k, const float* a, Index lda, const float* b, Index ldb, float* c, Index ldc) {
  V8 sum[kRows][2];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = All(0);
  for (Index i = 0; i < k; ++i) {
    const V8 b0 = Load<V8>(b + i * ldb), b1 = Load<V8>(b + i * ldb + 8);
    for (int r = 0; r < kRows; ++r) {
      const V8 factor = All(a[r * lda + i]);
      sum[r][0] += factor * b0;
      sum[r][1] += factor * b1;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    Store(c + r * ldc, sum[r][0]);
    Store(c + r * ldc + 8, sum[r][1]);
  }
}

void TileOf(Index rows, Index k, const float* a, Index lda, const float* b, Index ldb, float* c, Index ldc) {
  switch (rows) {
    case 6:
      return Tile<6>(k, a, lda, b, ldb, c, ldc);
    case 5:
      return Tile<5>(k, a, lda, b, ldb, c, ldc);
    case 4:
      return Tile<4>(k, a, lda, b, ldb, c, ldc);
    case 3:
      return Tile<3>(k, a, lda, b, ldb, c, ldc);
    case 2:
      return Tile<2>(k, a, lda, b, ldb, c, ldc);
    default:
      return Tile<1>(k, a, lda, b, ldb, c, ldc);
  }
}

void Multiply(Index m, Index n, Index k, const float* a, Index lda, const float* b, Index ldb, float* c, Index ldc) {
  constexpr Index kTile = 6, kLanes = 16, kBlock = 256;
  for (Index block = 0; block < n; block += kBlock) {
    const Index end = block + kBlock < n ? block + kBlock : n;
    for (Index row = 0; row < m; row += kTile) {
      const Index rows = m - row < kTile ? m - row : kTile;
      Index j = block;
      for (; j + kLanes <= end; j += kLanes) TileOf(rows, k, a + row * lda, lda, b + j, ldb, c + row * ldc + j, ldc);
      for (; j < end; ++j) {
        for (Index r = row; r < row + rows; ++r) {
          float sum = 0;
          for (Index i = 0; i < k; ++i) sum += a[r * lda + i] * b[i * ldb + j];
          c[r * ldc + j] = sum;
        }
      }
    }
  }
}

// ---- Filters along an axis

using Row = V8[kFilterLanes / 8];

// Samples to coefficients in place: the causal and the anti-causal half of the filter. Both start as if nothing lay beyond
// the line; the caller's line is so much longer at either end that this dies away.
void SplineCoefficients(Index places, float* lines) {
  constexpr float kPole = -0.267949192f, kGain = 6.0f;
  constexpr float kEnd = kPole / (kPole * kPole - 1);
  constexpr int kVectors = kFilterLanes / 8;
  Row last;
  for (int v = 0; v < kVectors; ++v) {
    last[v] = Load<V8>(lines + v * 8) * kGain;
    Store(lines + v * 8, last[v]);
  }
  for (Index i = 1; i < places; ++i) {
    float* row = lines + i * kFilterLanes;
    for (int v = 0; v < kVectors; ++v) {
      last[v] = Load<V8>(row + v * 8) * kGain + last[v] * kPole;
      Store(row + v * 8, last[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    float* end = lines + (places - 1) * kFilterLanes + v * 8;
    const V8 before = places > 1 ? Load<V8>(end - kFilterLanes) : last[v];
    last[v] = (last[v] + before * kPole) * kEnd;
    Store(end, last[v]);
  }
  for (Index i = places - 2; i >= 0; --i) {
    float* row = lines + i * kFilterLanes;
    for (int v = 0; v < kVectors; ++v) {
      last[v] = (last[v] - Load<V8>(row + v * 8)) * kPole;
      Store(row + v * 8, last[v]);
    }
  }
}

// What output `o` is: sums over the lines' places.
inline void Output(const FilterPlan& plan, Index o, const float* lines, Row& sum) {
  const float* p = lines + plan.start[o] * kFilterLanes;
  const float* w = plan.weights + o * plan.taps;
  for (int v = 0; v < kFilterLanes / 8; ++v) sum[v] = Load<V8>(p + v * 8) * w[0];
  for (Index t = 1; t < plan.taps; ++t) {
    p += kFilterLanes;
    for (int v = 0; v < kFilterLanes / 8; ++v) sum[v] += Load<V8>(p + v * 8) * w[t];
  }
}

// 8 rows of 8 floats, turned over.
inline void Turn(const float* in, Index in_stride, float* out, Index out_stride) {
  V8 r[8], s[8];
  for (int i = 0; i < 8; ++i) r[i] = Load<V8>(in + i * in_stride);
  for (int i = 0; i < 8; i += 2) {
    s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      r[i + j] = __builtin_shufflevector(s[i + j], s[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + j + 2] = __builtin_shufflevector(s[i + j], s[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    Store(out + i * out_stride, __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11));
    Store(out + (i + 4) * out_stride, __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15));
  }
}

// rows x columns → columns x rows.
void Transpose(Index rows, Index columns, const float* in, Index in_stride, float* out, Index out_stride) {
  Index r = 0;
  for (; r + 8 <= rows; r += 8) {
    Index c = 0;
    for (; c + 8 <= columns; c += 8) Turn(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
    for (; c < columns; ++c) {
      for (Index i = r; i < r + 8; ++i) out[c * out_stride + i] = in[i * in_stride + c];
    }
  }
  for (; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) out[c * out_stride + r] = in[r * in_stride + c];
  }
}

void CopyRow(float* to, const float* from) {
  for (Index l = 0; l < kFilterLanes; l += 8) Store(to + l, Load<V8>(from + l));
}

// The lines are rows of memory: turned over first, and back at the end.
void FilterLines(const FilterPlan& plan, Index lines, const float* in, float* out, float* scratch) {
  float* const turned = scratch + plan.places * kFilterLanes;
  float* const result = turned + plan.in * kFilterLanes;
  for (Index line = 0; line < lines; line += kFilterLanes) {
    const Index count = lines - line < kFilterLanes ? lines - line : kFilterLanes;
    Transpose(count, plan.in, in + line * plan.in, plan.in, turned, kFilterLanes);
    for (Index i = 0; i < plan.places; ++i) CopyRow(scratch + i * kFilterLanes, turned + plan.source[i] * kFilterLanes);
    if (plan.spline) SplineCoefficients(plan.places, scratch);
    for (Index o = 0; o < plan.out; ++o) {
      Row sum;
      Output(plan, o, scratch, sum);
      for (int v = 0; v < kFilterLanes / 8; ++v) Store(result + o * kFilterLanes + v * 8, sum[v]);
    }
    Transpose(plan.out, count, result, kFilterLanes, out + line * plan.out, plan.out);
  }
}

// The filter of a spline dies away along empty background into numbers so small that the processor takes a hundred times as
// long for each: they are zero here.
class NoDenormals {
 public:
#ifdef __SSE2__
  NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~NoDenormals() { _mm_setcsr(before_); }

 private:
  const unsigned before_;
#endif
};

void Filter(const FilterPlan& plan, Index outer, Index inner, const float* in, float* out, float* scratch) {
  [[maybe_unused]] const NoDenormals guard;
  // Lanes without a line hold numbers all the same.
  for (Index i = 0; i < (plan.places + plan.in) * kFilterLanes; ++i) scratch[i] = 0;
  if (inner == 1) return FilterLines(plan, outer, in, out, scratch);
  for (Index slab = 0; slab < outer; ++slab) {
    for (Index l = 0; l < inner; l += kFilterLanes) {
      const Index count = inner - l < kFilterLanes ? inner - l : kFilterLanes;
      const float* from = in + slab * plan.in * inner + l;
      float* to = out + slab * plan.out * inner + l;
      for (Index i = 0; i < plan.places; ++i) {
        if (count == kFilterLanes) {
          CopyRow(scratch + i * kFilterLanes, from + plan.source[i] * inner);
        } else {
          for (Index j = 0; j < count; ++j) scratch[i * kFilterLanes + j] = from[plan.source[i] * inner + j];
        }
      }
      if (plan.spline) SplineCoefficients(plan.places, scratch);
      for (Index o = 0; o < plan.out; ++o) {
        Row sum;
        Output(plan, o, scratch, sum);
        if (count == kFilterLanes) {
          for (int v = 0; v < kFilterLanes / 8; ++v) Store(to + o * inner + v * 8, sum[v]);
        } else {
          for (Index j = 0; j < count; ++j) to[o * inner + j] = sum[j / 8][j % 8];
        }
      }
    }
  }
}

inline float Sum(const V4& v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// ---- The spline

constexpr Index kPlaces = 64;  // worked on at once

// Weights of the four coefficients around a place `t` behind the second one: w[0 … 3][i].
inline void CubicWeights(Index count, const float* t, float (*w)[kPlaces]) {
  for (Index i = 0; i < count; ++i) {
    const float a = t[i], b = 1 - a;
    w[0][i] = b * b * b * (1.0f / 6);
    w[1][i] = (4 - 6 * a * a + 3 * a * a * a) * (1.0f / 6);
    w[2][i] = (4 - 6 * b * b + 3 * b * b * b) * (1.0f / 6);
    w[3][i] = a * a * a * (1.0f / 6);
  }
}

// Whole part and fraction. No place inside lies before the first coefficient: cutting off the fraction rounds down.
inline void Divide(Index count, const double* place, double low, double high, std::int32_t* whole, float* fraction,
                   std::int32_t* inside) {
  for (Index i = 0; i < count; ++i) {
    const bool in = place[i] >= low && place[i] <= high;
    const double p = in ? place[i] : 0.0;
    whole[i] = static_cast<std::int32_t>(p);
    fraction[i] = static_cast<float>(p - static_cast<double>(whole[i]));
    inside[i] &= in ? -1 : 0;
  }
}

void SampleCubic(Index count, const double* x, const double* y, const double* z, const float* coefficients,
                 Index x_stride, Index y_stride, const double low[3], const double high[3], float fill, float minimum,
                 float maximum, float* out) {
  std::int32_t inside[kPlaces], ix[kPlaces], iy[kPlaces], iz[kPlaces];
  float t[kPlaces], wx[4][kPlaces], wy[4][kPlaces], wz[4][kPlaces], wzt[kPlaces][4];
  for (Index begin = 0; begin < count; begin += kPlaces) {
    const Index n = count - begin < kPlaces ? count - begin : kPlaces;
    for (Index i = 0; i < n; ++i) inside[i] = -1;
    Divide(n, x + begin, low[0], high[0], ix, t, inside);
    CubicWeights(n, t, wx);
    Divide(n, y + begin, low[1], high[1], iy, t, inside);
    CubicWeights(n, t, wy);
    Divide(n, z + begin, low[2], high[2], iz, t, inside);
    CubicWeights(n, t, wz);
    for (Index i = 0; i < n; ++i) {
      for (int k = 0; k < 4; ++k) wzt[i][k] = wz[k][i];
    }
    for (Index i = 0; i < n; ++i) {
      if (inside[i] == 0) {
        out[begin + i] = fill;
        continue;
      }
      const float* p = coefficients + ix[i] * x_stride + iy[i] * y_stride + iz[i];
      V4 total = {0, 0, 0, 0};
      for (int a = 0; a < 4; ++a) {
        const float* q = p + a * x_stride;
        V4 plane = Load<V4>(q) * wy[0][i];
        plane += Load<V4>(q + y_stride) * wy[1][i];
        plane += Load<V4>(q + 2 * y_stride) * wy[2][i];
        plane += Load<V4>(q + 3 * y_stride) * wy[3][i];
        total += plane * wx[a][i];
      }
      out[begin + i] = Clamp(Sum(total * Load<V4>(wzt[i])), minimum, maximum);
    }
  }
}

// ---- Voxel by voxel

void Range(Index count, const float* values, float* minimum, float* maximum) {
  V8 low = All(values[0]), high = low;
  Index i = 0;
  for (; i + 8 <= count; i += 8) {
    const V8 v = Load<V8>(values + i);
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  float least = low[0], most = high[0];
  for (int l = 1; l < 8; ++l) {
    least = low[l] < least ? low[l] : least;
    most = high[l] > most ? high[l] : most;
  }
  for (; i < count; ++i) {
    least = values[i] < least ? values[i] : least;
    most = values[i] > most ? values[i] : most;
  }
  *minimum = least;
  *maximum = most;
}

void ClampAll(Index count, float minimum, float maximum, float* values) {
  for (Index i = 0; i < count; ++i) values[i] = Clamp(values[i], minimum, maximum);
}

void Add(Index count, const float* noise, float sigma, float minimum, float maximum, float* values) {
  for (Index i = 0; i < count; ++i) values[i] = Clamp(values[i] + sigma * noise[i], minimum, maximum);
}

void MultiplyNoise(Index count, const float* noise, float sigma, float minimum, float maximum, float* values) {
  for (Index i = 0; i < count; ++i) values[i] = Clamp(values[i] + values[i] * (sigma * noise[i]), minimum, maximum);
}

void Shade(Index count, float factor, const float* along, float minimum, float maximum, float* values) {
  for (Index i = 0; i < count; ++i) values[i] = Clamp(values[i] * (factor - along[i]), minimum, maximum);
}

void Magnitude(Index count, const float* re, const float* im, float offset, float minimum, float maximum, float* out) {
  if (im == nullptr) {
    for (Index i = 0; i < count; ++i) {
      const float size = re[i] < 0 ? -re[i] : re[i];
      out[i] = Clamp(size - offset, minimum, maximum);
    }
    return;
  }
  for (Index i = 0; i < count; ++i) {
    out[i] = Clamp(__builtin_sqrtf(re[i] * re[i] + im[i] * im[i]) - offset, minimum, maximum);
  }
}

inline float FromBits(std::int32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}
inline std::int32_t Bits(float value) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Base-2 logarithm of a positive normal number: its exponent, and atanh's series for a mantissa in [sqrt(1/2), sqrt(2)).
inline float Log2(float value) {
  const std::int32_t bits = Bits(value) - 0x3f3504f3;
  const float exponent = static_cast<float>(bits >> 23);
  const float mantissa = FromBits((bits & 0x007fffff) + 0x3f3504f3);
  const float s = (mantissa - 1) / (mantissa + 1);
  const float q = s * s;
  // 2 / ln 2 times 1, 1/3, 1/5, 1/7, 1/9.
  return exponent + s * (2.88539008f + q * (0.961796694f + q * (0.577078016f + q * (0.412198583f + q * 0.320598898f))));
}

// 2^value, -126 <= value < 128: e^(f ln 2) by its series, f in [-1/2, 1/2].
inline float Exp2(float value) {
  const float shifted = value + 12582912.0f;  // rounds to the nearest whole number
  const float whole = shifted - 12582912.0f;
  const float f = value - whole;
  const float p =
      1 +
      f * (0.693147181f + f * (0.240226507f + f * (0.0555041087f +
                                                   f * (0.00961812911f + f * (0.00133335581f + f * 0.000154035304f)))));
  return p * FromBits((static_cast<std::int32_t>(whole) + 127) << 23);
}

void Gamma(Index count, float sign, float scale, float gamma, float range, float minimum, float low, float high,
           float* values) {
  for (Index i = 0; i < count; ++i) {
    const float t = (sign * values[i] - minimum) * scale;
    const float logarithm = gamma * Log2(t < 1e-30f ? 1e-30f : t);
    const float power = t < 1e-30f ? 0.0f : Exp2(logarithm < -126.0f ? -126.0f : logarithm);
    values[i] = sign * Clamp(power * range + minimum, low, high);
  }
}

// ---- Noise

constexpr int kBlocks = 16;  // of Philox, worked on side by side

typedef std::uint64_t U4 __attribute__((vector_size(32)));

// Products of the low halves of 64-bit lanes.
inline U4 MultiplyLow(const U4& a, const U4& b) {
#if defined(__AVX2__)
  return (U4)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
  constexpr std::uint64_t kLow = 0xffffffff;
  return U4{(a[0] & kLow) * (b[0] & kLow), (a[1] & kLow) * (b[1] & kLow), (a[2] & kLow) * (b[2] & kLow),
            (a[3] & kLow) * (b[3] & kLow)};
#endif
}
inline U4 AllOf(std::uint64_t x) { return U4{x, x, x, x}; }

// Words of kBlocks blocks from block `first` on; word w of block b at words[w][b]. Only the low halves of lanes count.
inline void Philox(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint32_t first,
                   std::uint32_t words[4][kBlocks]) {
  constexpr int kVectors = 2, kStep = 4 * kVectors;
  for (int begin = 0; begin < kBlocks; begin += kStep) {
    U4 c[4][kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const std::uint32_t block = first + static_cast<std::uint32_t>(begin + 4 * v);
      c[0][v] = U4{block, block + 1, block + 2, block + 3};
      c[1][v] = AllOf(purpose);
      c[2][v] = AllOf(position & 0xffffffff);
      c[3][v] = AllOf(position >> 32);
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int v = 0; v < kVectors; ++v) {
        const U4 p0 = MultiplyLow(c[0][v], AllOf(0xD2511F53)), p1 = MultiplyLow(c[2][v], AllOf(0xCD9E8D57));
        c[0][v] = (p1 >> 32) ^ c[1][v] ^ AllOf(k0);
        c[1][v] = p1;
        c[2][v] = (p0 >> 32) ^ c[3][v] ^ AllOf(k1);
        c[3][v] = p0;
      }
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    for (int w = 0; w < 4; ++w) {
      std::uint64_t lanes[kStep];
      __builtin_memcpy(lanes, c[w], sizeof(lanes));
      for (int b = 0; b < kStep; ++b) words[w][begin + b] = static_cast<std::uint32_t>(lanes[b]);
    }
  }
}

inline float Unit(std::uint32_t word) { return static_cast<float>(static_cast<std::int32_t>(word >> 8)); }  // * 2^-24

// Both normal numbers of a pair of words.
inline void BoxMuller(std::uint32_t first, std::uint32_t second, float* a, float* b) {
  const float u = (Unit(first) + 1) * 0x1p-24f;                         // (0, 1]
  const float radius = __builtin_sqrtf(-1.38629436f * Log2(u) + 0.0f);  // -2 ln u
  const float turn = Unit(second) * 0x1p-24f;                           // [0, 1)
  const float nearest = (turn * 4 + 12582912.0f) - 12582912.0f;         // quarter turns
  const float f = (turn - nearest * 0.25f) * 6.28318531f;               // [-pi/4, pi/4]
  const float q = f * f;
  const float sine = f * (1 + q * (-0.166666667f + q * (0.00833333333f + q * (-0.000198412698f + q * 2.75573192e-6f))));
  const float cosine = 1 + q * (-0.5f + q * (0.0416666667f + q * (-0.00138888889f + q * 2.48015873e-5f)));
  const std::int32_t quarter = static_cast<std::int32_t>(nearest);
  const float x = (quarter & 1) != 0 ? -sine : cosine;
  const float y = (quarter & 1) != 0 ? cosine : sine;
  const float flip = (quarter & 2) != 0 ? -radius : radius;
  *a = flip * x;
  *b = flip * y;
}

template <typename Convert>
inline void Fill(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint64_t first, Index count,
                 float* out, const Convert& convert) {
  std::uint32_t words[4][kBlocks];
  float values[4][kBlocks];
  constexpr Index kStep = 4 * kBlocks;
  for (Index i = 0; i < count; i += kStep) {
    Philox(seed, purpose, position, static_cast<std::uint32_t>((first + static_cast<std::uint64_t>(i)) / 4), words);
    convert(words, values);
    const Index left = count - i < kStep ? count - i : kStep;
    if (left == kStep) {
      for (int b = 0; b < kBlocks; b += 4) {
        const V4 r0 = Load<V4>(values[0] + b), r1 = Load<V4>(values[1] + b), r2 = Load<V4>(values[2] + b),
                 r3 = Load<V4>(values[3] + b);
        const V4 s0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), s1 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
        const V4 s2 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), s3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
        Store(out + i + b * 4, __builtin_shufflevector(s0, s2, 0, 1, 4, 5));
        Store(out + i + b * 4 + 4, __builtin_shufflevector(s0, s2, 2, 3, 6, 7));
        Store(out + i + b * 4 + 8, __builtin_shufflevector(s1, s3, 0, 1, 4, 5));
        Store(out + i + b * 4 + 12, __builtin_shufflevector(s1, s3, 2, 3, 6, 7));
      }
    } else {
      for (Index j = 0; j < left; ++j) out[i + j] = values[j % 4][j / 4];
    }
  }
}

void Uniform(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint64_t first, Index count,
             float* out) {
  Fill(seed, purpose, position, first, count, out, [](std::uint32_t words[4][kBlocks], float values[4][kBlocks]) {
    for (int w = 0; w < 4; ++w) {
      for (int b = 0; b < kBlocks; ++b) values[w][b] = Unit(words[w][b]) * 0x1p-23f - 1;
    }
  });
}

void Normal(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint64_t first, Index count,
            float* out) {
  Fill(seed, purpose, position, first, count, out, [](std::uint32_t words[4][kBlocks], float values[4][kBlocks]) {
    for (int w = 0; w < 4; w += 2) {
      for (int b = 0; b < kBlocks; ++b) BoxMuller(words[w][b], words[w + 1][b], &values[w][b], &values[w + 1][b]);
    }
  });
}

#ifdef __AVX2__
constexpr const char* kName = "AVX2";
#else
constexpr const char* kName = "baseline";
#endif

constexpr Kernels kKernels = {kName,         Multiply, Filter,    SampleCubic, Range,   ClampAll, Add,
                              MultiplyNoise, Shade,    Magnitude, Gamma,       Uniform, Normal};

}  // namespace

const Kernels& AMAES_KERNELS() { return kKernels; }

}  // namespace amaes
