#include "libs/models/unet.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/max_pool3d.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

constexpr int kLevels = 5;
constexpr double kNegativeSlope = 0.01;
constexpr double kNormEpsilon = 1e-5;
constexpr double kNormMomentum = 0.1;  // without effect: no running statistics

struct Affine {
  at::Tensor weight, bias;
};

// 3³ convolution → instance norm → LeakyReLU.
struct Unit {
  Affine conv;  // [C, P, 3, 3, 3], [C]
  Affine norm;  // [C], [C]

  // [B, P, D, H, W] → [B, C, D, H, W]
  at::Tensor Forward(const at::Tensor& input) const {
    const at::Tensor convolved = at::conv3d(input, conv.weight, conv.bias, /*stride=*/1, /*padding=*/1);
    at::Tensor normalised = at::instance_norm(convolved, norm.weight, norm.bias, /*running_mean=*/{}, /*running_var=*/{},
                                              /*use_input_stats=*/true, kNormMomentum, kNormEpsilon,
                                              /*cudnn_enabled=*/true);
    return at::leaky_relu_(normalised, kNegativeSlope);  // in place: the norm's backward needs its input only
  }
};

class UNet final : public Network {
 public:
  explicit UNet(const UNetOptions& options) : filters_(options.filters), seed_(options.seed) {
    MakeEncoder();
    MakeDecoder();
  }

  at::Tensor Forward(const at::Tensor& input) const override {
    at::Tensor x = input;  // [B, 1, D, H, W]
    for (int level = 0; level < kLevels; ++level) {
      if (level > 0) x = at::max_pool3d(x, /*kernel_size=*/2);     // halves D, H, W
      x = encoder_[level][1].Forward(encoder_[level][0].Forward(x));  // [B, F·2^level, D/2^level, …]
    }
    for (const Up& up : decoder_) {
      x = at::conv_transpose3d(x, up.upsample.weight, up.upsample.bias, /*stride=*/2);  // doubles D, H, W; halves C
      x = up.unit.Forward(x);
    }
    return at::conv3d(x, out_.weight, out_.bias);  // [B, F, D, H, W] → [B, 1, D, H, W]
  }

 private:
  struct Up {
    Affine upsample;  // [2C, C, 2, 2, 2], [C]
    Unit unit;
  };

  void MakeEncoder() {
    std::int64_t previous = 1;
    for (int level = 0; level < kLevels; ++level) {
      const std::int64_t channels = filters_ << level;
      const std::string stage = level == 0 ? "encoder.in_conv" : absl::StrCat("encoder.encoder_conv", level);
      encoder_[level][0] = MakeUnit(absl::StrCat(stage, ".conv1"), previous, channels);
      encoder_[level][1] = MakeUnit(absl::StrCat(stage, ".conv2"), channels, channels);
      previous = channels;
    }
  }

  void MakeDecoder() {
    for (int j = 1; j < kLevels; ++j) {
      const std::int64_t channels = filters_ << (kLevels - 1 - j);
      Up& up = decoder_[j - 1];
      // PyTorch takes fan_in from the second dimension of a transposed weight.
      up.upsample = MakeConvolution(absl::StrCat("rec_head.upsample", j), {2 * channels, channels, 2, 2, 2}, channels * 8);
      up.unit = MakeUnit(absl::StrCat("rec_head.decoder_conv", j, ".conv1"), channels, channels);
    }
    out_ = MakeConvolution("rec_head.out_conv", {1, filters_, 1, 1, 1}, filters_);
  }

  Unit MakeUnit(const std::string& name, std::int64_t in, std::int64_t out) {
    Unit unit;
    unit.conv = MakeConvolution(absl::StrCat(name, ".conv"), {out, in, 3, 3, 3}, in * 27);
    unit.norm.weight = Add(absl::StrCat(name, ".norm.weight"), at::full({out}, 1.0f));
    unit.norm.bias = Add(absl::StrCat(name, ".norm.bias"), at::full({out}, 0.0f));
    return unit;
  }

  Affine MakeConvolution(const std::string& name, std::array<std::int64_t, 5> shape, std::int64_t fan_in) {
    const std::int64_t out = name.find(".upsample") == std::string::npos ? shape[0] : shape[1];
    Affine affine;
    affine.weight = Add(absl::StrCat(name, ".weight"), Uniform(shape, fan_in));
    affine.bias = Add(absl::StrCat(name, ".bias"), Uniform({&out, 1}, fan_in));
    return affine;
  }

  // Uniform in [-1/√fan_in, 1/√fan_in); the stream's position is the parameter's index.
  at::Tensor Uniform(c10::IntArrayRef shape, std::int64_t fan_in) const {
    const at::Tensor tensor = at::empty(shape, at::kFloat);
    RandomStream stream(seed_, Purpose::kInitialWeights, parameters_.size());
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    float* values = tensor.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      values[i] = static_cast<float>(bound * (stream.NextUint32() * 0x1p-31 - 1.0));
    }
    return tensor;
  }

  at::Tensor Add(std::string name, at::Tensor tensor) {
    tensor.requires_grad_(true);
    parameters_.push_back({std::move(name), tensor});
    return tensor;
  }

  const std::int64_t filters_;
  const std::uint64_t seed_;
  std::array<std::array<Unit, 2>, kLevels> encoder_;
  std::array<Up, kLevels - 1> decoder_;
  Affine out_;
};

}  // namespace

std::unique_ptr<Network> MakeUNet(const UNetOptions& options) { return std::make_unique<UNet>(options); }

}  // namespace amaes
