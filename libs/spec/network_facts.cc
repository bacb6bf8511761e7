#include "libs/spec/network_facts.h"

#include <algorithm>

namespace amaes {
namespace {

// Adds up a network layer by layer.
class Tally {
 public:
  explicit Tally(const Shape3& patch) : patch_(patch) {}

  // A convolution with bias and `taps` weights per pair of channels, whose output lies `level` halvings below the patch.
  void Convolution(std::int64_t in, std::int64_t out, std::int64_t taps, int level) {
    size_.parameters += in * out * taps + out;
    std::int64_t voxels = 1;
    for (const std::int64_t side : patch_) voxels *= std::max<std::int64_t>(1, side >> level);
    size_.activations += out * voxels;
  }
  void Norm(std::int64_t channels) { size_.parameters += 2 * channels; }
  // 3³ convolution and its norm.
  void Unit(std::int64_t in, std::int64_t out, int level) {
    Convolution(in, out, 27, level);
    Norm(out);
  }

  const NetworkSize& size() const { return size_; }

 private:
  const Shape3 patch_;
  NetworkSize size_;
};

// The U-Net's decoder: widths F·2^level, from level 4 up.
void AddUNetDecoder(const NetworkOptions& options, Tally& tally) {
  constexpr int kDeepest = 4;
  const std::int64_t f = options.filters;
  for (int level = kDeepest - 1; level >= 0; --level) {
    const std::int64_t channels = f << level;
    tally.Convolution(2 * channels, channels, 8, level);
    tally.Unit(options.skips ? 2 * channels : channels, channels, level);
    if (options.decoder == Decoder::kStandard) tally.Unit(channels, channels, level);
  }
  tally.Convolution(f, options.out_channels, 1, 0);
  for (int level = kDeepest; options.deep_supervision && level > 0; --level) {
    tally.Convolution(f << level, options.out_channels, 1, level);
  }
}

NetworkSize UNetSize(const NetworkOptions& options, const Shape3& patch) {
  Tally tally(patch);
  std::int64_t before = options.in_channels;
  for (int level = 0; level <= 4; ++level) {
    const std::int64_t channels = options.filters << level;
    tally.Unit(before, channels, level);
    tally.Unit(channels, channels, level);
    before = channels;
  }
  AddUNetDecoder(options, tally);
  return tally.size();
}

}  // namespace

const std::vector<NetworkFacts>& Networks() {
  static const auto* const networks = new std::vector<NetworkFacts>{
      // name, filters, multiple, smallest, size
      {"unet_b", 32, 16, 32, UNetSize},
      {"unet_xl", 64, 16, 32, UNetSize},
      {"unet", 0, 16, 32, UNetSize},
  };
  return *networks;
}

std::vector<std::string> NetworkNames() {
  std::vector<std::string> names;
  for (const NetworkFacts& network : Networks()) names.emplace_back(network.name);
  return names;
}

const NetworkFacts* FindNetwork(absl::string_view name) {
  for (const NetworkFacts& network : Networks()) {
    if (network.name == name) return &network;
  }
  return nullptr;
}

std::int64_t FiltersOf(const NetworkOptions& options) {
  if (options.filters > 0) return options.filters;
  const NetworkFacts* network = FindNetwork(options.name);
  return network == nullptr ? 0 : network->filters;
}

NetworkSize SizeOfNetwork(const NetworkOptions& options, const Shape3& patch) {
  const NetworkFacts* network = FindNetwork(options.name);
  NetworkOptions resolved = options;
  resolved.filters = FiltersOf(options);
  if (network == nullptr || resolved.filters <= 0) return {};
  return network->size(resolved, patch);
}

}  // namespace amaes
