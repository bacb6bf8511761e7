#include "libs/models/swin_unetr.h"

#include <string>

namespace amaes {
namespace {

class SwinSegmentation final : public Network {
 public:
  explicit SwinSegmentation(const NetworkOptions& options)
      : builder_(options.seed, parameters_),
        encoder_(builder_, buffers_, options.in_channels, options.filters),
        decoder_(builder_, options.in_channels, options.out_channels, options.filters) {}

  at::Tensor Forward(const at::Tensor& input) const override {
    return decoder_.Forward(input, encoder_.Forward(input));
  }
  std::string encoder_prefix() const override { return "swinViT."; }

 private:
  ParameterBuilder builder_;
  const SwinTransformer encoder_;
  const SwinSegmentationDecoder decoder_;
};

class SwinMasked final : public Network {
 public:
  explicit SwinMasked(const NetworkOptions& options)
      : builder_(options.seed, parameters_),
        encoder_(builder_, buffers_, options.in_channels, options.filters),
        decoder_(builder_, options.out_channels, options.filters) {}

  at::Tensor Forward(const at::Tensor& input) const override {
    return decoder_.Forward(encoder_.Forward(input).back());
  }
  std::string encoder_prefix() const override { return "swinViT."; }

 private:
  ParameterBuilder builder_;
  const SwinTransformer encoder_;
  const SwinLightDecoder decoder_;
};

class SwinPretraining final : public SwinPretrainingNetwork {
 public:
  explicit SwinPretraining(const NetworkOptions& options)
      : builder_(options.seed, parameters_),
        encoder_(builder_, buffers_, options.in_channels, options.filters),
        heads_(builder_, options.in_channels, options.filters) {}

  at::Tensor Forward(const at::Tensor& input) const override {
    return heads_.Reconstruct(encoder_.Forward(input).back());
  }
  SwinHeadOutputs ForwardHeads(const at::Tensor& input) const override {
    return heads_.Forward(encoder_.Forward(input).back());
  }
  std::string encoder_prefix() const override { return "swinViT."; }

 private:
  ParameterBuilder builder_;
  const SwinTransformer encoder_;
  const SwinPretrainingHeads heads_;
};

}  // namespace

std::unique_ptr<Network> MakeSwinUnetr(const NetworkOptions& options) {
  switch (options.decoder) {
    case Decoder::kLight:
      return std::make_unique<SwinMasked>(options);
    case Decoder::kHeads:
      return std::make_unique<SwinPretraining>(options);
    default:
      return std::make_unique<SwinSegmentation>(options);
  }
}

}  // namespace amaes
