#include "libs/models/repeat_stem.h"

#include <ATen/TensorOperators.h>

namespace amaes {

bool IsRepeatableStem(at::IntArrayRef pretrained, at::IntArrayRef wanted) {
  if (pretrained.size() != wanted.size() || pretrained.size() < 2 || pretrained[1] != 1 || wanted[1] <= 1) return false;
  return pretrained[0] == wanted[0] && pretrained.slice(2) == wanted.slice(2);
}

at::Tensor RepeatStem(const at::Tensor& weight, std::int64_t channels) {
  std::vector<std::int64_t> shape = weight.sizes().vec();
  shape.at(1) = channels;
  return (weight / static_cast<double>(channels)).expand(shape).contiguous();
}

}  // namespace amaes
