// From a network that was pretrained on one channel to one that sees several.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace amaes {

// A stem takes N channels instead of one: the shapes are equal but for the second dimension, 1 there and N > 1 here. Pure.
bool IsRepeatableStem(at::IntArrayRef pretrained, at::IntArrayRef wanted);

// [C, 1, …] → [C, N, …]: the weight repeated N times and divided by N, so that N equal channels give what one gave.
// Throws c10::Error.
at::Tensor RepeatStem(const at::Tensor& weight, std::int64_t channels);

}  // namespace amaes
