// The eight intensity transforms on tensors of any device: equal to libs/transform/intensity.h within 1e-4, given the same
// draws and noise. Patches are [X, Y, Z] float; nothing is changed in place, nothing waits for the device. Throw c10::Error.
#pragma once

#include <ATen/core/Tensor.h>

#include "libs/draws/augment_draws.h"

namespace amaes {

at::Tensor AddNoise(const at::Tensor& patch, double sigma, const at::Tensor& normal, bool clip);
at::Tensor MultiplyByNoise(const at::Tensor& patch, double sigma, const at::Tensor& normal, bool clip);
at::Tensor Blur(const at::Tensor& patch, double sigma, bool clip);
at::Tensor Ghost(const at::Tensor& patch, const GhostDraw& draw, bool clip);
at::Tensor Ring(const at::Tensor& patch, const RingDraw& draw, bool absolute, bool clip);
at::Tensor LowerResolution(const at::Tensor& patch, const Shape3& coarse, bool clip);
at::Tensor ShadeByBiasField(const at::Tensor& patch, const Shape3& brightest, bool clip);
at::Tensor ApplyGamma(const at::Tensor& patch, const GammaDraw& draw, double epsilon, bool clip);

// All that `draw` names, in order. The fields of noise are standard normal, [X, Y, Z]; undefined where not drawn.
at::Tensor ApplyIntensity(const at::Tensor& patch, const IntensityDraw& draw, const Augmentation& augmentation,
                          const at::Tensor& additive_noise, const at::Tensor& multiplicative_noise);

}  // namespace amaes
