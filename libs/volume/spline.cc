#include "libs/volume/spline.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <system_error>
#include <thread>

namespace amaes {
namespace {

// Lines are worked on side by side, so that the recursive filter runs over vectors.
constexpr int kLanes = 32;
constexpr double kPole = -0.26794919243112270647;  // sqrt(3) - 2
constexpr int kPoleTerms = 28;                     // |kPole|^28 < 1e-16
// With a border that goes on as it ends, this many samples of it stand for all: |kPole|^12 < 2e-7, as in SciPy.
constexpr std::int64_t kEdgePad = 12;

// The index that a mirrored border shows at `i`; the outermost voxels are not repeated.
std::int64_t Mirror(std::int64_t i, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * size - 2;
  i = std::abs(i) % period;
  return i < size ? i : period - i;
}

double MirrorCoordinate(double c, std::int64_t size) {
  if (size == 1) return 0;
  const double period = static_cast<double>(2 * size - 2);
  c = std::fmod(std::abs(c), period);
  return c <= static_cast<double>(size - 1) ? c : period - c;
}

std::vector<float> GaussianWeights(double sigma) {
  const int radius = static_cast<int>(4.0 * sigma + 0.5);
  std::vector<double> w(radius + 1);
  double sum = 0;
  for (int i = 0; i <= radius; ++i) {
    w[i] = std::exp(-0.5 * i * i / (sigma * sigma));
    sum += i == 0 ? w[i] : 2 * w[i];
  }
  std::vector<float> out(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) out[i] = static_cast<float>(w[i] / sum);
  return out;
}

using Row = float[kLanes];

void Smooth(const SplinePlan& plan, const float* in, float* out) {
  const std::int64_t radius = static_cast<std::int64_t>(plan.gauss.size()) - 1;
  for (std::int64_t i = 0; i < plan.in; ++i) {
    Row sum;
    for (int l = 0; l < kLanes; ++l) sum[l] = plan.gauss[0] * in[i * kLanes + l];
    for (std::int64_t k = 1; k <= radius; ++k) {
      const float* a = in + Mirror(i - k, plan.in) * kLanes;
      const float* b = in + Mirror(i + k, plan.in) * kLanes;
      const float w = plan.gauss[k];
      for (int l = 0; l < kLanes; ++l) sum[l] += w * (a[l] + b[l]);
    }
    std::memcpy(out + i * kLanes, sum, sizeof(sum));
  }
}

// Samples to B-spline coefficients, in place: one causal and one anti-causal pass with mirrored borders.
void Prefilter(float* c, std::int64_t size) {
  if (size == 1) return;
  constexpr float kPoleFloat = static_cast<float>(kPole);
  constexpr float kGain = static_cast<float>((1 - kPole) * (1 - 1 / kPole));
  double first[kLanes];
  for (int l = 0; l < kLanes; ++l) first[l] = c[l];
  double power = kPole;
  for (int k = 1; k <= kPoleTerms; ++k, power *= kPole) {
    const float* row = c + Mirror(k, size) * kLanes;
    for (int l = 0; l < kLanes; ++l) first[l] += power * row[l];
  }
  for (int l = 0; l < kLanes; ++l) c[l] = kGain * static_cast<float>(first[l]);
  for (std::int64_t i = 1; i < size; ++i) {
    float* row = c + i * kLanes;
    for (int l = 0; l < kLanes; ++l) row[l] = kGain * row[l] + kPoleFloat * row[l - kLanes];
  }
  constexpr float kLast = static_cast<float>(kPole / (kPole * kPole - 1));
  float* end = c + (size - 1) * kLanes;
  for (int l = 0; l < kLanes; ++l) end[l] = kLast * (kPoleFloat * end[l - kLanes] + end[l]);
  for (std::int64_t i = size - 2; i >= 0; --i) {
    float* row = c + i * kLanes;
    for (int l = 0; l < kLanes; ++l) row[l] = kPoleFloat * (row[l + kLanes] - row[l]);
  }
}

void Interpolate(const SplinePlan& plan, const float* in, float* out) {
  for (std::int64_t o = 0; o < plan.out; ++o) {
    const float* p0 = in + std::int64_t{plan.taps[o][0]} * kLanes;
    const float* p1 = in + std::int64_t{plan.taps[o][1]} * kLanes;
    const float* p2 = in + std::int64_t{plan.taps[o][2]} * kLanes;
    const float* p3 = in + std::int64_t{plan.taps[o][3]} * kLanes;
    const std::array<float, 4> w = plan.weights[o];
    Row sum;
    for (int l = 0; l < kLanes; ++l) sum[l] = w[0] * p0[l] + w[1] * p1[l] + w[2] * p2[l] + w[3] * p3[l];
    std::memcpy(out + o * kLanes, sum, sizeof(sum));
  }
}

// Where the lines of one group lie. Line l of an array (outer, size, inner) starts at (l / inner) * size * inner + l %
// inner.
struct Group {
  std::int64_t first = 0;
  int count = 0;
  bool contiguous = false;  // neighbours in memory
};

void Gather(const Group& g, const float* data, std::int64_t size, std::int64_t inner, float* buffer) {
  const auto base = [&](std::int64_t line) { return line / inner * size * inner + line % inner; };
  if (g.contiguous && g.count == kLanes) {
    const float* p = data + base(g.first);
    for (std::int64_t i = 0; i < size; ++i) std::memcpy(buffer + i * kLanes, p + i * inner, sizeof(Row));
    return;
  }
  for (int l = 0; l < kLanes; ++l) {
    const float* p = data + base(g.first + std::min(l, g.count - 1));
    for (std::int64_t i = 0; i < size; ++i) buffer[i * kLanes + l] = p[i * inner];
  }
}

void Scatter(const Group& g, const float* buffer, std::int64_t size, std::int64_t inner, float* data) {
  const auto base = [&](std::int64_t line) { return line / inner * size * inner + line % inner; };
  if (g.contiguous && g.count == kLanes) {
    float* p = data + base(g.first);
    for (std::int64_t i = 0; i < size; ++i) std::memcpy(p + i * inner, buffer + i * kLanes, sizeof(Row));
    return;
  }
  for (int l = 0; l < g.count; ++l) {
    float* p = data + base(g.first + l);
    for (std::int64_t i = 0; i < size; ++i) p[i * inner] = buffer[i * kLanes + l];
  }
}

// Calls work(begin, end) for ranges that cover [0, count), on up to `threads` threads, this one among them. Fewer
// threads than asked for is fine: every range is independent of the others.
template <typename Work>
void ParallelRanges(std::int64_t count, int threads, const Work& work) {
  constexpr std::int64_t kRange = 8;
  std::atomic<std::int64_t> next{0};
  const auto run = [&] {
    while (true) {
      const std::int64_t begin = next.fetch_add(kRange);
      if (begin >= count) return;
      work(begin, std::min(count, begin + kRange));
    }
  };
  std::vector<std::thread> pool;
  const std::int64_t useful = std::min<std::int64_t>(threads, (count + kRange - 1) / kRange);
  try {
    for (std::int64_t i = 1; i < useful; ++i) pool.emplace_back(run);
  } catch (const std::system_error&) {
    // No more threads to be had: those that run do the work.
  }
  run();
  for (std::thread& thread : pool) thread.join();
}

// The samples at both ends of a padded line, over and over.
void FillPads(const SplinePlan& plan, float* line) {
  const std::int64_t last = plan.pad + plan.in - 1;
  for (std::int64_t i = 0; i < plan.pad; ++i) {
    std::memcpy(line + i * kLanes, line + plan.pad * kLanes, sizeof(Row));
    std::memcpy(line + (last + 1 + i) * kLanes, line + last * kLanes, sizeof(Row));
  }
}

}  // namespace

SplinePlan PlanSpline(std::int64_t in, std::int64_t out, SplineBorder border, bool anti_alias) {
  SplinePlan plan;
  plan.in = in;
  plan.out = out;
  plan.pad = border == SplineBorder::kEdge ? kEdgePad : 0;
  const double factor = static_cast<double>(in) / static_cast<double>(out);
  const double sigma = std::max(0.0, (factor - 1) / 2);
  if (anti_alias && sigma > 1e-15) plan.gauss = GaussianWeights(sigma);
  plan.taps.resize(static_cast<std::size_t>(out));
  plan.weights.resize(static_cast<std::size_t>(out));
  for (std::int64_t o = 0; o < out; ++o) {
    double c = (static_cast<double>(o) + 0.5) * factor - 0.5;
    if (border == SplineBorder::kMirror) c = MirrorCoordinate(c, in);
    const double whole = std::floor(c);
    const double t = c - whole;
    const double u = 1 - t;
    for (int k = 0; k < 4; ++k) {
      const std::int64_t tap = static_cast<std::int64_t>(whole) - 1 + k;
      plan.taps[o][k] = static_cast<std::int32_t>(border == SplineBorder::kMirror ? Mirror(tap, in) : tap + plan.pad);
    }
    plan.weights[o] = {static_cast<float>(u * u * u / 6), static_cast<float>((4 - 6 * t * t + 3 * t * t * t) / 6),
                       static_cast<float>((4 - 6 * u * u + 3 * u * u * u) / 6), static_cast<float>(t * t * t / 6)};
  }
  return plan;
}

std::vector<float> SplineAxis(const std::vector<float>& in, const SplinePlan& plan, std::int64_t outer,
                              std::int64_t inner, int threads) {
  std::vector<float> out(static_cast<std::size_t>(outer * plan.out * inner));
  const std::int64_t lines = outer * inner;
  const std::int64_t groups = (lines + kLanes - 1) / kLanes;
  const std::int64_t padded = plan.in + 2 * plan.pad;
  ParallelRanges(groups, threads, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> a(padded * kLanes), b(plan.gauss.empty() ? 0 : plan.in * kLanes), c(plan.out * kLanes);
    for (std::int64_t index = begin; index < end; ++index) {
      Group g;
      g.first = index * kLanes;
      g.count = static_cast<int>(std::min<std::int64_t>(kLanes, lines - g.first));
      g.contiguous = g.first / inner == (g.first + g.count - 1) / inner;
      Gather(g, in.data(), plan.in, inner, a.data() + plan.pad * kLanes);
      FillPads(plan, a.data());
      float* samples = a.data();
      if (!plan.gauss.empty()) {
        Smooth(plan, a.data(), b.data());
        samples = b.data();
      }
      Prefilter(samples, padded);
      Interpolate(plan, samples, c.data());
      Scatter(g, c.data(), plan.out, inner, out.data());
    }
  });
  return out;
}

}  // namespace amaes
