#include "libs/models/unet_decoder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv_transpose3d.h>
#include <c10/core/GradMode.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace amaes {

UNetDecoder::UNetDecoder(ParameterBuilder& builder, const NetworkOptions& options) : skips_(options.skips) {
  const std::string head = options.head == Head::kReconstruction ? "rec_head" : "pred_head";
  const int units = options.decoder == Decoder::kLight ? 1 : 2;
  for (int j = 1; j < kUNetLevels; ++j) {
    const std::int64_t channels = options.filters << (kUNetLevels - 1 - j);
    Up& up = ups_[j - 1];
    up.upsample = builder.TransposedConvolution(absl::StrCat(head, ".upsample", j), 2 * channels, channels, 2);
    for (int unit = 1; unit <= units; ++unit) {
      const std::int64_t in = unit == 1 && skips_ ? 2 * channels : channels;
      up.units.emplace_back(builder, absl::StrCat(head, ".decoder_conv", j, ".conv", unit), in, channels);
    }
  }
  out_ = builder.Convolution(head + ".out_conv", options.filters, options.out_channels, 1);
  for (int i = 0; options.deep_supervision && i < kUNetLevels - 1; ++i) {
    const std::int64_t channels = options.filters << (kUNetLevels - 1 - i);
    deep_outs_.push_back(builder.Convolution(absl::StrCat(head, ".ds_out_conv", i), channels, options.out_channels, 1));
  }
}

at::Tensor UNetDecoder::Forward(const UNetFeatures& features) const { return Run(features, nullptr); }

std::vector<at::Tensor> UNetDecoder::ForwardDeep(const UNetFeatures& features) const {
  if (deep_outs_.empty() || !c10::GradMode::is_enabled()) return {Forward(features)};
  std::vector<at::Tensor> decoded;
  std::vector<at::Tensor> outputs = {Run(features, &decoded)};
  for (std::size_t i = deep_outs_.size(); i-- > 0;) {
    outputs.push_back(Convolution1(decoded[i], deep_outs_[i]));
  }
  return outputs;
}

at::Tensor UNetDecoder::Run(const UNetFeatures& features, std::vector<at::Tensor>* decoded) const {
  at::Tensor x = features.back();
  for (std::size_t j = 0; j < ups_.size(); ++j) {
    if (decoded != nullptr) decoded->push_back(x);
    const Up& up = ups_[j];
    x = at::conv_transpose3d(x, up.upsample.weight, up.upsample.bias, /*stride=*/2);  // doubles D, H, W; halves C
    if (skips_) x = at::cat({x, features[kUNetLevels - 2 - j]}, /*dim=*/1);
    for (const ConvolutionUnit& unit : up.units) x = unit.Forward(x);
  }
  return Convolution1(x, out_);  // [B, F, D, H, W] → [B, out, D, H, W]
}

}  // namespace amaes
