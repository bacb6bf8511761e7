#include "libs/models/mednext.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/gelu.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/models/layers.h"
#include "libs/models/parameters.h"
#include "libs/models/unet_decoder.h"

namespace amaes {
namespace {

// [B, C, D, H, W] → the same, or with stride 2 → [B, 2C, D/2, H/2, W/2].
class Block {
 public:
  Block(ParameterBuilder& builder, const std::string& name, std::int64_t channels, std::int64_t expansion, int stride)
      : channels_(channels), stride_(stride) {
    const std::int64_t wide = expansion * channels, out = stride * channels;
    depthwise_ = builder.Convolution(name + ".conv1", channels, channels, {3, 3, 3}, /*groups=*/channels);
    norm_ = builder.Norm(name + ".norm", channels);
    expand_ = builder.Convolution(name + ".conv2", channels, wide, 1);
    compress_ = builder.Convolution(name + ".conv3", wide, out, 1);
    if (stride_ > 1) residual_ = builder.Convolution(name + ".res_conv", channels, out, 1);
  }

  at::Tensor Forward(const at::Tensor& input) const {
    const at::Tensor x =
        at::conv3d(input, depthwise_.weight, depthwise_.bias, stride_, /*padding=*/1, /*dilation=*/1, channels_);
    const at::Tensor wide = at::gelu(Convolution1(InstanceNorm(x, norm_), expand_));
    const at::Tensor residual = stride_ > 1 ? at::conv3d(input, residual_.weight, residual_.bias, stride_) : input;
    return Convolution1(wide, compress_) + residual;
  }

 private:
  std::int64_t channels_, stride_;
  Affine depthwise_, norm_, expand_, compress_, residual_;
};

struct Variant {
  std::array<int, kUNetLevels> blocks, expansions;  // per level, the last is the bottleneck
};
constexpr Variant kM{{3, 4, 4, 4, 4}, {2, 3, 4, 4, 4}};
constexpr Variant kL{{3, 4, 8, 8, 8}, {3, 4, 8, 8, 8}};

class MedNeXt final : public Network {
 public:
  MedNeXt(const NetworkOptions& options, const Variant& variant) {
    ParameterBuilder builder(options.seed, parameters_);
    stem_ = builder.Convolution("encoder.stem", options.in_channels, options.filters, 1);
    for (int level = 0; level < kUNetLevels; ++level) {
      const bool last = level + 1 == kUNetLevels;
      const std::int64_t channels = options.filters << level;
      const std::string stage = last ? "encoder.bottleneck" : absl::StrCat("encoder.enc_block_", level);
      for (int block = 0; block < variant.blocks[level]; ++block) {
        levels_[level].emplace_back(builder, absl::StrCat(stage, ".", block), channels, variant.expansions[level], 1);
      }
      // A way down has the expansion of the level below.
      if (!last)
        downs_.emplace_back(builder, absl::StrCat("encoder.down_", level), channels, variant.expansions[level + 1], 2);
    }
    decoder_ = UNetDecoder(builder, options);
  }

  at::Tensor Forward(const at::Tensor& input) const override { return decoder_.Forward(Encode(input)); }
  std::vector<at::Tensor> ForwardDeep(const at::Tensor& input) const override {
    return decoder_.ForwardDeep(Encode(input));
  }

 private:
  UNetFeatures Encode(const at::Tensor& input) const {
    UNetFeatures features;
    at::Tensor x = Convolution1(input, stem_);
    for (int level = 0; level < kUNetLevels; ++level) {
      if (level > 0) x = downs_[level - 1].Forward(x);
      for (const Block& block : levels_[level]) x = block.Forward(x);
      features[level] = x;  // [B, F·2^level, D/2^level, …]
    }
    return features;
  }

  Affine stem_;
  std::array<std::vector<Block>, kUNetLevels> levels_;
  std::vector<Block> downs_;
  UNetDecoder decoder_;
};

}  // namespace

std::unique_ptr<Network> MakeMedNeXtM(const NetworkOptions& options) { return std::make_unique<MedNeXt>(options, kM); }
std::unique_ptr<Network> MakeMedNeXtL(const NetworkOptions& options) { return std::make_unique<MedNeXt>(options, kL); }

}  // namespace amaes
