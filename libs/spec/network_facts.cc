#include "libs/spec/network_facts.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "libs/spec/swin_size.h"

namespace amaes {
namespace {

// Adds up a network layer by layer.
class Tally {
 public:
  explicit Tally(const Shape3& patch) : patch_(patch) {}

  // A convolution with bias and `taps` weights per pair of channels, whose output lies `level` halvings below the patch.
  void Convolution(std::int64_t in, std::int64_t out, std::int64_t taps, int level) {
    size_.parameters += in * out * taps + out;
    size_.activations += out * Voxels(level);
    size_.multiply_adds += in * out * taps * Voxels(level);
  }
  // 2³ transposed convolution of stride 2 with bias: every output voxel has one tap.
  void Upsampling(std::int64_t in, std::int64_t out, int level) {
    Convolution(in, out, 8, level);
    size_.multiply_adds -= 7 * in * out * Voxels(level);
  }
  void Depthwise(std::int64_t channels, int level) { Convolution(1, channels, 27, level); }
  // 1³ convolution without bias and its norm.
  void Projection(std::int64_t in, std::int64_t out, int level) {
    Convolution(in, out, 1, level);
    Norm(out);
    size_.parameters -= out;
  }
  void Norm(std::int64_t channels) { size_.parameters += 2 * channels; }
  // 3³ convolution and its norm.
  void Unit(std::int64_t in, std::int64_t out, int level) {
    Convolution(in, out, 27, level);
    Norm(out);
  }

  const NetworkSize& size() const { return size_; }

 private:
  std::int64_t Voxels(int level) const {
    std::int64_t voxels = 1;
    for (const std::int64_t side : patch_) voxels *= std::max<std::int64_t>(1, side >> level);
    return voxels;
  }

  const Shape3 patch_;
  NetworkSize size_;
};

// What several networks end with: the U-Net's decoder, widths F·2^level, from level 4 up.
void AddUNetDecoder(const NetworkOptions& options, Tally& tally) {
  constexpr int kDeepest = 4;
  const std::int64_t f = options.filters;
  for (int level = kDeepest - 1; level >= 0; --level) {
    const std::int64_t channels = f << level;
    tally.Upsampling(2 * channels, channels, level);
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

// Blocks and expansions per level, the last is the bottleneck.
template <std::size_t kLevels>
NetworkSize MedNeXtSize(const NetworkOptions& options, const Shape3& patch, const std::array<int, kLevels>& blocks,
                        const std::array<int, kLevels>& expansions) {
  Tally tally(patch);
  // Depthwise, expansion, compression; a way down widens, and has a 1³ convolution beside it.
  const auto add = [&](std::int64_t channels, std::int64_t expansion, bool down, int level) {
    const std::int64_t out = down ? 2 * channels : channels;
    tally.Depthwise(channels, level);
    tally.Norm(channels);
    tally.Convolution(channels, expansion * channels, 1, level);
    tally.Convolution(expansion * channels, out, 1, level);
    if (down) tally.Convolution(channels, out, 1, level);
  };
  tally.Convolution(options.in_channels, options.filters, 1, 0);
  for (int level = 0; level < static_cast<int>(kLevels); ++level) {
    const std::int64_t channels = options.filters << level;
    if (level > 0) add(channels / 2, expansions[level], true, level);
    for (int block = 0; block < blocks[level]; ++block) add(channels, expansions[level], false, level);
  }
  AddUNetDecoder(options, tally);
  return tally.size();
}

NetworkSize MedNeXtMSize(const NetworkOptions& options, const Shape3& patch) {
  return MedNeXtSize<5>(options, patch, {3, 4, 4, 4, 4}, {2, 3, 4, 4, 4});
}

NetworkSize MedNeXtLSize(const NetworkOptions& options, const Shape3& patch) {
  return MedNeXtSize<5>(options, patch, {3, 4, 8, 8, 8}, {3, 4, 8, 8, 8});
}

NetworkSize ResEncLSize(const NetworkOptions& options, const Shape3& patch) {
  constexpr std::array kBlocks = {1, 3, 4, 6, 6, 6};
  constexpr int kDeepest = 5;
  const auto width = [&](int level) { return std::min(options.filters << level, 10 * options.filters); };
  Tally tally(patch);
  tally.Unit(options.in_channels, options.filters, 0);
  std::int64_t before = options.filters;
  for (int level = 0; level <= kDeepest; ++level) {
    for (int block = 0; block < kBlocks[level]; ++block) {
      tally.Unit(before, width(level), level);
      tally.Unit(width(level), width(level), level);
      if (before != width(level)) tally.Projection(before, width(level), level);
      before = width(level);
    }
  }
  const bool all = options.deep_supervision || options.decoder == Decoder::kStandard;
  for (int level = kDeepest - 1; level >= 0; --level) {
    tally.Upsampling(width(level + 1), width(level), level);
    tally.Unit((options.skips ? 2 : 1) * width(level), width(level), level);
    if (all || level == 0) tally.Convolution(width(level), options.out_channels, 1, level);
  }
  return tally.size();
}

}  // namespace

const std::vector<NetworkFacts>& Networks() {
  static const auto* const networks = new std::vector<NetworkFacts>{
      // clang-format off
      // name, filters, widths, multiple, smallest, deep supervision, decoders, encoder, mark and its widths, size
      {"unet_b", 32, 0, 16, 32, true, DecoderForms::kAll, "encoder.", "encoder.encoder_conv4.conv2.conv.weight", 16, UNetSize},
      {"unet_xl", 64, 0, 16, 32, true, DecoderForms::kAll, "encoder.", "encoder.encoder_conv4.conv2.conv.weight", 16, UNetSize},
      {"unet", 0, 1, 16, 32, true, DecoderForms::kAll, "encoder.", "encoder.encoder_conv4.conv2.conv.weight", 16, UNetSize},
      {"mednext_m", 32, 1, 16, 32, true, DecoderForms::kAll, "encoder.", "encoder.enc_block_0.0.conv2.weight", 2, MedNeXtMSize},
      {"mednext_l", 32, 1, 16, 32, true, DecoderForms::kAll, "encoder.", "encoder.enc_block_0.0.conv2.weight", 3, MedNeXtLSize},
      {"resenc_l", 32, 1, 32, 64, true, DecoderForms::kOne, "encoder.", "encoder.stages.5.blocks.5.conv2.conv.weight", 10, ResEncLSize},
      {"swin_unetr", 48, 12, 32, 32, false, DecoderForms::kTied, "swinViT.", "swinViT.layers4.0.blocks.1.attn.proj.weight", 8, SwinUnetrSize},
      // clang-format on
  };
  return *networks;
}

std::vector<std::string> NetworkNames() {
  std::vector<std::string> names;
  for (const NetworkFacts& network : Networks()) names.emplace_back(network.name);
  names.emplace_back(kScriptNetwork);
  return names;
}

const NetworkFacts* FindNetwork(absl::string_view name) {
  for (const NetworkFacts& network : Networks()) {
    if (network.name == name) return &network;
  }
  return nullptr;
}

bool TakesFilters(const NetworkFacts& network, std::int64_t filters) {
  if (filters <= 0) return false;
  return filters == network.filters || (network.widths > 0 && filters % network.widths == 0);
}

std::int64_t FiltersOf(const NetworkOptions& options) {
  if (options.filters > 0) return options.filters;
  const NetworkFacts* network = FindNetwork(options.name);
  return network == nullptr ? 0 : network->filters;
}

std::string EncoderPrefixOf(const NetworkOptions& options) {
  if (options.name == kScriptNetwork) {
    if (options.encoder_prefix.empty()) return "encoder.";
    return absl::EndsWith(options.encoder_prefix, ".") ? options.encoder_prefix : options.encoder_prefix + ".";
  }
  const NetworkFacts* network = FindNetwork(options.name);
  return network == nullptr ? "" : network->encoder_prefix;
}

bool SameEncoder(const NetworkOptions& a, const NetworkOptions& b) {
  if (EncoderPrefixOf(a) != EncoderPrefixOf(b) || FiltersOf(a) != FiltersOf(b)) return false;
  const NetworkFacts *one = FindNetwork(a.name), *other = FindNetwork(b.name);
  if (one == nullptr || other == nullptr) return a.name == b.name;
  return absl::string_view(one->mark) == other->mark && one->mark_widths == other->mark_widths;
}

NetworkSize SizeOfNetwork(const NetworkOptions& options, const Shape3& patch) {
  if (options.name == kScriptNetwork) {
    return {.parameters = options.script_parameters,
            .activations = 0,
            .multiply_adds = options.script_parameters * VoxelCount(patch)};
  }
  const NetworkFacts* network = FindNetwork(options.name);
  NetworkOptions resolved = options;
  resolved.filters = FiltersOf(options);
  if (network == nullptr || resolved.filters <= 0) return {};
  return network->size(resolved, patch);
}

}  // namespace amaes
