#include "libs/models/unet.h"

#include <ATen/ops/max_pool3d.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/models/layers.h"
#include "libs/models/parameters.h"
#include "libs/models/unet_decoder.h"

namespace amaes {
namespace {

class UNet final : public Network {
 public:
  explicit UNet(const NetworkOptions& options) {
    ParameterBuilder builder(options.seed, parameters_);
    std::int64_t previous = options.in_channels;
    for (int level = 0; level < kUNetLevels; ++level) {
      const std::int64_t channels = options.filters << level;
      const std::string stage = level == 0 ? "encoder.in_conv" : absl::StrCat("encoder.encoder_conv", level);
      encoder_[level][0] = ConvolutionUnit(builder, stage + ".conv1", previous, channels);
      encoder_[level][1] = ConvolutionUnit(builder, stage + ".conv2", channels, channels);
      previous = channels;
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
    at::Tensor x = input;
    for (int level = 0; level < kUNetLevels; ++level) {
      if (level > 0) x = at::max_pool3d(x, /*kernel_size=*/2);        // halves D, H, W
      x = encoder_[level][1].Forward(encoder_[level][0].Forward(x));  // [B, F·2^level, D/2^level, …]
      features[level] = x;
    }
    return features;
  }

  std::array<std::array<ConvolutionUnit, 2>, kUNetLevels> encoder_;
  UNetDecoder decoder_;
};

}  // namespace

std::unique_ptr<Network> MakeUNet(const NetworkOptions& options) { return std::make_unique<UNet>(options); }

}  // namespace amaes
