#include "libs/models/resenc.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv_transpose3d.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/models/layers.h"
#include "libs/models/parameters.h"

namespace amaes {
namespace {

constexpr int kStages = 6;
constexpr std::array<int, kStages> kBlocks = {1, 3, 4, 6, 6, 6};

std::int64_t Width(std::int64_t filters, int stage) { return std::min(filters << stage, 10 * filters); }

// Two 3³ convolutions, the input added before the last activation. Where the stride is 2 the input is averaged, where the
// width changes it passes a 1³ convolution without bias and a norm.
class ResidualBlock {
 public:
  ResidualBlock(ParameterBuilder& builder, const std::string& name, std::int64_t in, std::int64_t out, int stride)
      : stride_(stride), projects_(in != out) {
    conv1_ = builder.Convolution(name + ".conv1.conv", in, out, 3);
    norm1_ = builder.Norm(name + ".conv1.norm", out);
    conv2_ = builder.Convolution(name + ".conv2.conv", out, out, 3);
    norm2_ = builder.Norm(name + ".conv2.norm", out);
    if (!projects_) return;
    const std::string skip = absl::StrCat(name, ".skip.", stride > 1 ? 1 : 0);
    skip_ = builder.Convolution(skip + ".conv", in, out, {1, 1, 1}, /*groups=*/1, /*bias=*/false);
    skip_norm_ = builder.Norm(skip + ".norm", out);
  }

  // [B, in, D, H, W] → [B, out, D/stride, H/stride, W/stride]
  at::Tensor Forward(const at::Tensor& input) const {
    at::Tensor residual = stride_ > 1 ? at::avg_pool3d(input, stride_, stride_) : input;
    if (projects_) residual = InstanceNorm(Convolution1(residual, skip_), skip_norm_);
    at::Tensor x = NormLeakyRelu(Convolution3(input, conv1_, stride_), norm1_);
    x = Convolution3(x, conv2_);
    return NormAddLeakyRelu(x, norm2_, residual);
  }

 private:
  int stride_;
  bool projects_;
  Affine conv1_, norm1_, conv2_, norm2_, skip_, skip_norm_;
};

class ResEnc final : public Network {
 public:
  explicit ResEnc(const NetworkOptions& options) : skips_(options.skips), deep_(options.deep_supervision) {
    ParameterBuilder builder(options.seed, parameters_);
    MakeEncoder(builder, options);
    MakeDecoder(builder, options);
  }

  at::Tensor Forward(const at::Tensor& input) const override { return Output(Decode(input).back(), kStages - 2); }

  std::vector<at::Tensor> ForwardDeep(const at::Tensor& input) const override {
    if (!deep_ || !c10::GradMode::is_enabled()) return {Forward(input)};
    const std::vector<at::Tensor> decoded = Decode(input);
    std::vector<at::Tensor> outputs;
    for (int stage = kStages - 2; stage >= 0; --stage) outputs.push_back(Output(decoded[stage], stage));
    return outputs;
  }

 private:
  void MakeEncoder(ParameterBuilder& builder, const NetworkOptions& options) {
    stem_ = ConvolutionUnit(builder, "encoder.stem.convs.0", options.in_channels, options.filters);
    std::int64_t previous = options.filters;
    for (int stage = 0; stage < kStages; ++stage) {
      const std::int64_t width = Width(options.filters, stage);
      for (int block = 0; block < kBlocks[stage]; ++block) {
        const int stride = stage > 0 && block == 0 ? 2 : 1;
        stages_[stage].emplace_back(builder, absl::StrCat("encoder.stages.", stage, ".blocks.", block), previous, width,
                                    stride);
        previous = width;
      }
    }
  }

  void MakeDecoder(ParameterBuilder& builder, const NetworkOptions& options) {
    const auto width = [&](int stage) { return Width(options.filters, kStages - 2 - stage); };  // coarsest first
    for (int stage = 0; stage < kStages - 1; ++stage) {
      units_.emplace_back(builder, absl::StrCat("decoder.stages.", stage, ".convs.0"), (skips_ ? 2 : 1) * width(stage),
                          width(stage));
    }
    for (int stage = 0; stage < kStages - 1; ++stage) {
      ups_.push_back(builder.TransposedConvolution(absl::StrCat("decoder.transpconvs.", stage), width(stage - 1),
                                                   width(stage), 2));
    }
    const bool all = deep_ || options.decoder == Decoder::kStandard;
    for (int stage = 0; stage < kStages - 1; ++stage) {
      if (!all && stage < kStages - 2) continue;
      outs_[stage] =
          builder.Convolution(absl::StrCat("decoder.seg_layers.", stage), width(stage), options.out_channels, 1);
    }
  }

  // What the decoder's stages make, coarsest first.
  std::vector<at::Tensor> Decode(const at::Tensor& input) const {
    std::array<at::Tensor, kStages> features;
    at::Tensor x = stem_.Forward(input);
    for (int stage = 0; stage < kStages; ++stage) {
      for (const ResidualBlock& block : stages_[stage]) x = block.Forward(x);
      features[stage] = x;  // [B, width, D/2^stage, …]
    }
    std::vector<at::Tensor> decoded;
    for (int stage = 0; stage < kStages - 1; ++stage) {
      x = at::conv_transpose3d(x, ups_[stage].weight, ups_[stage].bias, /*stride=*/2);
      if (skips_) x = at::cat({x, features[kStages - 2 - stage]}, /*dim=*/1);
      x = units_[stage].Forward(x);
      decoded.push_back(x);
    }
    return decoded;
  }

  at::Tensor Output(const at::Tensor& decoded, int stage) const { return Convolution1(decoded, outs_[stage]); }

  bool skips_, deep_;
  ConvolutionUnit stem_;
  std::array<std::vector<ResidualBlock>, kStages> stages_;
  std::vector<ConvolutionUnit> units_;  // of the decoder, coarsest first, as the next two
  std::vector<Affine> ups_;
  std::array<Affine, kStages - 1> outs_;
};

}  // namespace

std::unique_ptr<Network> MakeResEncL(const NetworkOptions& options) { return std::make_unique<ResEnc>(options); }

}  // namespace amaes
