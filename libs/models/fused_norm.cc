#include "libs/models/fused_norm.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "libs/models/norm_kernels.h"

namespace amaes {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kEpsilon = 1e-5;
constexpr at::MemoryFormat kLayout = at::MemoryFormat::ChannelsLast3d;

// Samples × blocks of voxels; a block is the unit of parallel work and of summing.
struct Extent {
  explicit Extent(const at::Tensor& x)
      : samples(x.size(0)),
        channels(x.size(1)),
        voxels(x.size(2) * x.size(3) * x.size(4)),
        blocks((voxels + kNormBlock - 1) / kNormBlock) {}

  // body(sample, block, first element, voxels) for all blocks of all samples, in parallel.
  template <typename Body>
  void ForBlocks(Body body) const {
    at::parallel_for(0, samples * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i % blocks * kNormBlock;
        body(i / blocks, i % blocks, (i / blocks * voxels + first) * channels, std::min(kNormBlock, voxels - first));
      }
    });
  }

  const std::int64_t samples, channels, voxels, blocks;
};

// Two sums per sample and channel, added up over blocks in their order.
class Sums {
 public:
  explicit Sums(const Extent& extent) : extent_(extent), parts_(2 * extent.samples * extent.blocks * extent.channels) {}
  double* first(std::int64_t sample, std::int64_t block) {
    return &parts_[2 * (sample * extent_.blocks + block) * extent_.channels];
  }
  double* second(std::int64_t sample, std::int64_t block) { return first(sample, block) + extent_.channels; }
  // Into block 0 of each sample.
  void Add() {
    for (std::int64_t sample = 0; sample < extent_.samples; ++sample) {
      for (std::int64_t block = 1; block < extent_.blocks; ++block) {
        for (std::int64_t i = 0; i < 2 * extent_.channels; ++i) first(sample, 0)[i] += first(sample, block)[i];
      }
    }
  }

 private:
  const Extent& extent_;
  std::vector<double> parts_;
};

// Rows of [samples, channels] coefficients.
template <typename T>
struct Coefficients {
  explicit Coefficients(const Extent& extent) : channels(extent.channels), values(extent.samples * extent.channels) {}
  T* row(std::int64_t sample) { return &values[sample * channels]; }
  const std::int64_t channels;
  std::vector<T> values;
};

// Coefficients of NormForward: centre, scale, shift.
template <typename T>
struct ForwardCoefficients {
  explicit ForwardCoefficients(const Extent& extent) : centre(extent), scale(extent), shift(extent) {}
  void Set(std::int64_t i, double mean, double inverse, double weight, double bias) {
    centre.values[i] = static_cast<T>(mean);
    scale.values[i] = static_cast<T>(weight * inverse);
    shift.values[i] = static_cast<T>(bias - (mean - static_cast<double>(centre.values[i])) * weight * inverse);
  }
  NormForward<T> row(std::int64_t sample, double slope) {
    return {centre.row(sample), scale.row(sample), shift.row(sample), static_cast<T>(slope)};
  }
  Coefficients<T> centre, scale, shift;
};

// `mean` and `inverse`, [samples, channels] float64, are filled for the way back.
template <typename T>
void Forward(const at::Tensor& x, const Affine& norm, const at::Tensor& residual, double slope, const at::Tensor& mean,
             const at::Tensor& inverse, const at::Tensor& y) {
  const Extent extent(x);
  const T* values = x.const_data_ptr<T>();
  Sums sums(extent);
  // Around a sample's first voxel, so that squares do not cancel.
  extent.ForBlocks([&](std::int64_t sample, std::int64_t block, std::int64_t first, std::int64_t voxels) {
    AddMoments(values + first, voxels, extent.channels, values + sample * extent.voxels * extent.channels,
               sums.first(sample, block), sums.second(sample, block));
  });
  sums.Add();
  const T* weight = norm.weight.const_data_ptr<T>();
  const T* bias = norm.bias.const_data_ptr<T>();
  ForwardCoefficients<T> coefficients(extent);
  for (std::int64_t sample = 0; sample < extent.samples; ++sample) {
    for (std::int64_t c = 0; c < extent.channels; ++c) {
      const double count = static_cast<double>(extent.voxels);
      const double off = sums.first(sample, 0)[c] / count;
      const double variance = std::max(0.0, sums.second(sample, 0)[c] / count - off * off);
      const double centre = off + static_cast<double>(values[sample * extent.voxels * extent.channels + c]);
      const double one_over = 1.0 / std::sqrt(variance + kEpsilon);
      mean.mutable_data_ptr<double>()[sample * extent.channels + c] = centre;
      inverse.mutable_data_ptr<double>()[sample * extent.channels + c] = one_over;
      coefficients.Set(sample * extent.channels + c, centre, one_over, weight[c], bias[c]);
    }
  }
  const T* added = residual.defined() ? residual.const_data_ptr<T>() : nullptr;
  T* answers = y.mutable_data_ptr<T>();
  extent.ForBlocks([&](std::int64_t sample, std::int64_t, std::int64_t first, std::int64_t voxels) {
    ApplyNorm(values + first, added == nullptr ? nullptr : added + first, voxels, extent.channels,
              coefficients.row(sample, slope), answers + first);
  });
}

struct Gradients {
  at::Tensor input, weight, bias, residual;
};

template <typename T>
void Backward(const at::Tensor& x, const Affine& norm, const at::Tensor& y, double slope, const at::Tensor& mean,
              const at::Tensor& inverse, const at::Tensor& dy, Gradients& out) {
  const Extent extent(x);
  const double* means = mean.const_data_ptr<double>();
  const double* inverses = inverse.const_data_ptr<double>();
  const T* weight = norm.weight.const_data_ptr<T>();
  const T* bias = norm.bias.const_data_ptr<T>();
  ForwardCoefficients<T> forward(extent);
  Coefficients<T> slant(extent), offset(extent);
  const auto coefficients = [&](std::int64_t sample) {
    return NormBackward<T>{forward.row(sample, slope), slant.row(sample), offset.row(sample)};
  };
  for (std::int64_t i = 0; i < extent.samples * extent.channels; ++i) {
    const std::int64_t c = i % extent.channels;
    forward.Set(i, means[i], inverses[i], weight[c], bias[c]);
  }
  const T* values = x.const_data_ptr<T>();
  const T* answers = y.defined() ? y.const_data_ptr<T>() : nullptr;
  const T* gradients = dy.const_data_ptr<T>();
  const auto at_or_null = [](auto* data, std::int64_t place) { return data == nullptr ? nullptr : data + place; };
  Sums sums(extent);
  extent.ForBlocks([&](std::int64_t sample, std::int64_t block, std::int64_t first, std::int64_t voxels) {
    AddNormGradients(values + first, at_or_null(answers, first), gradients + first, voxels, extent.channels,
                     coefficients(sample), sums.first(sample, block), sums.second(sample, block));
  });
  sums.Add();
  T* weight_gradient = out.weight.mutable_data_ptr<T>();
  T* bias_gradient = out.bias.mutable_data_ptr<T>();
  for (std::int64_t c = 0; c < extent.channels; ++c) {
    double by_weight = 0, by_bias = 0;
    for (std::int64_t sample = 0; sample < extent.samples; ++sample) {
      const std::int64_t i = sample * extent.channels + c;
      const double sum = sums.first(sample, 0)[c];
      // Around the mean as it is in T, corrected to the mean as it is.
      const double products =
          sums.second(sample, 0)[c] + sum * (static_cast<double>(forward.centre.values[i]) - means[i]);
      by_weight += products * inverses[i];
      by_bias += sum;
      const double factor = weight[c] * inverses[i] / static_cast<double>(extent.voxels);
      slant.values[i] = static_cast<T>(-factor * inverses[i] * inverses[i] * products);
      offset.values[i] = static_cast<T>(-factor * sum);
    }
    weight_gradient[c] = static_cast<T>(by_weight);
    bias_gradient[c] = static_cast<T>(by_bias);
  }
  T* input_gradient = out.input.mutable_data_ptr<T>();
  T* residual_gradient = out.residual.defined() ? out.residual.mutable_data_ptr<T>() : nullptr;
  extent.ForBlocks([&](std::int64_t sample, std::int64_t, std::int64_t first, std::int64_t voxels) {
    ApplyNormGradients(values + first, at_or_null(answers, first), gradients + first, voxels, extent.channels,
                       coefficients(sample), input_gradient + first, at_or_null(residual_gradient, first));
  });
}

class FusedNormFunction : public torch::autograd::Function<FusedNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, const std::optional<at::Tensor>& residual, double slope) {
    TORCH_CHECK(input.size(2) * input.size(3) * input.size(4) > 1,
                "a norm over a single voxel; the patch is too small: ", input.sizes());
    const at::Tensor x = input.contiguous(kLayout);
    const at::Tensor added = residual ? residual->contiguous(kLayout) : at::Tensor();
    const at::Tensor y = at::empty_like(x, x.options(), kLayout);
    const at::Tensor mean = at::empty({x.size(0), x.size(1)}, x.options().dtype(at::kDouble));
    const at::Tensor inverse = at::empty_like(mean);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "fused_norm", [&] {
      Forward<scalar_t>(x, {weight, bias}, added, slope, mean, inverse, y);
    });
    context->saved_data["slope"] = slope;
    context->saved_data["residual"] = residual.has_value();
    context->save_for_backward({x, weight, bias, residual ? y : at::Tensor(), mean, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor dy = gradients[0].contiguous(kLayout);
    Gradients out{at::empty_like(x, x.options(), kLayout), at::empty_like(saved[1]), at::empty_like(saved[2]), {}};
    if (context->saved_data["residual"].toBool()) out.residual = at::empty_like(x, x.options(), kLayout);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "fused_norm_backward", [&] {
      Backward<scalar_t>(x, {saved[1], saved[2]}, saved[3], context->saved_data["slope"].toDouble(), saved[4], saved[5],
                         dy, out);
    });
    return {out.input, out.weight, out.bias, out.residual, at::Tensor()};
  }
};

}  // namespace

bool CanFuseNorm(const at::Tensor& input, const Affine& norm) {
  const at::ScalarType type = input.scalar_type();
  return input.device().is_cpu() && input.dim() == 5 && (type == at::kFloat || type == at::kDouble) &&
         norm.weight.scalar_type() == type && norm.weight.device().is_cpu();
}

at::Tensor FusedNorm(const at::Tensor& input, const Affine& norm, const at::Tensor& residual, double slope) {
  const std::optional<at::Tensor> added = residual.defined() ? std::optional(residual) : std::nullopt;
  return FusedNormFunction::apply(input, norm.weight, norm.bias, added, slope);
}

}  // namespace amaes
