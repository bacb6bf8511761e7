#include "libs/spec/swin_size.h"

#include <algorithm>

namespace amaes {
namespace {

constexpr std::int64_t kStages = 4, kWindow = 7, kDistances = 13 * 13 * 13;
constexpr std::int64_t kRotations = 4, kContrastive = 512;

class Tally {
 public:
  explicit Tally(const Shape3& patch) : patch_(patch) {}

  void Convolution(std::int64_t in, std::int64_t out, std::int64_t taps, int level, bool bias = true) {
    size_.parameters += in * out * taps + (bias ? out : 0);
    const std::int64_t voxels = Voxels(level);
    size_.activations += out * voxels;
    size_.multiply_adds += in * out * taps * voxels;
  }

  // 2³ transposed convolution of stride 2: every output voxel has one tap.
  void Upsampling(std::int64_t in, std::int64_t out, int level, bool bias) {
    Convolution(in, out, 8, level, bias);
    size_.multiply_adds -= 7 * in * out * Voxels(level);
  }

  // Two of MONAI's convolutions around a residual; their norms have no weights.
  void Residual(std::int64_t in, std::int64_t out, int level) {
    Convolution(in, out, 27, level, /*bias=*/false);
    Convolution(out, out, 27, level, /*bias=*/false);
    if (in != out) Convolution(in, out, 1, level, /*bias=*/false);
  }

  // Norms, attention in windows (padded to whole ones) and MLP, whose input lies `level` halvings below the patch.
  void Block(std::int64_t channels, std::int64_t heads, int level) {
    size_.parameters += 4 * channels + kDistances * heads + 12 * channels * channels + 9 * channels;
    std::int64_t tokens = 1, padded = 1, window = 1;
    for (const std::int64_t side : patch_) {
      const std::int64_t grid = side >> level, width = std::min(grid, kWindow);
      tokens *= grid;
      padded *= (grid + width - 1) / width * width;
      window *= width;
    }
    size_.activations += padded * (6 * channels + heads * window) + tokens * 10 * channels;
    // qkv, scores, weighted values, projection; the MLP's two layers.
    size_.multiply_adds +=
        padded * (4 * channels * channels + 2 * window * channels) + tokens * 8 * channels * channels;
  }

  // [8C] → [2C], `level` halvings below the patch afterwards.
  void Merge(std::int64_t channels, int level) {
    size_.parameters += 16 * channels;  // norm
    Convolution(8 * channels, 2 * channels, 1, level, /*bias=*/false);
  }

  void Parameters(std::int64_t count) { size_.parameters += count; }
  const NetworkSize& size() const { return size_; }

 private:
  std::int64_t Voxels(int level) const {
    std::int64_t voxels = 1;
    for (const std::int64_t side : patch_) voxels *= side >> level;
    return voxels;
  }

  const Shape3 patch_;
  NetworkSize size_;
};

void AddEncoder(const NetworkOptions& options, Tally& tally) {
  tally.Convolution(options.in_channels, options.filters, 8, 1);
  for (int stage = 0; stage < kStages; ++stage) {
    const std::int64_t channels = options.filters << stage, heads = std::int64_t{3} << stage;
    tally.Block(channels, heads, stage + 1);
    tally.Block(channels, heads, stage + 1);
    tally.Merge(channels, stage + 2);
  }
}

void AddSegmentation(const NetworkOptions& options, Tally& tally) {
  const std::int64_t f = options.filters;
  tally.Residual(options.in_channels, f, 0);
  for (int level = 1; level < kStages; ++level) tally.Residual(f << (level - 1), f << (level - 1), level);
  tally.Residual(16 * f, 16 * f, kStages + 1);
  for (int level = kStages; level >= 0; --level) {
    const std::int64_t in = f << level, out = level > 0 ? in / 2 : in;
    tally.Upsampling(in, out, level, /*bias=*/false);
    tally.Residual(2 * out, out, level);
  }
  tally.Convolution(f, options.out_channels, 1, 0);
}

void AddLight(const NetworkOptions& options, Tally& tally) {
  std::int64_t channels = 16 * options.filters;
  for (int level = kStages; level >= 0; --level) {
    channels /= 2;
    tally.Upsampling(2 * channels, channels, level, /*bias=*/true);
    tally.Convolution(channels, channels, 27, level);
    tally.Parameters(2 * channels);  // norm
  }
  tally.Convolution(channels, options.out_channels, 1, 0);
}

void AddHeads(const NetworkOptions& options, Tally& tally) {
  std::int64_t channels = 16 * options.filters;
  tally.Parameters((channels + 1) * (kRotations + kContrastive));
  for (int level = kStages + 1; level > 0; --level) {
    const std::int64_t out = level > 1 ? channels / 2 : channels;
    tally.Convolution(channels, out, 27, level);
    channels = out;
  }
  tally.Convolution(channels, options.in_channels, 1, 0);
  tally.Convolution(0, channels, 0, 0, /*bias=*/false);  // what is doubled last has the patch's sides
}

}  // namespace

NetworkSize SwinUnetrSize(const NetworkOptions& options, const Shape3& patch) {
  Tally tally(patch);
  AddEncoder(options, tally);
  switch (options.decoder) {
    case Decoder::kLight:
      AddLight(options, tally);
      break;
    case Decoder::kHeads:
      AddHeads(options, tally);
      break;
    default:
      AddSegmentation(options, tally);
  }
  return tally.size();
}

}  // namespace amaes
