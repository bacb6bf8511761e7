#include "libs/evaluate/segmentation_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <array>

namespace amaes {
namespace {

constexpr std::array<std::int64_t, 3> kSpace{2, 3, 4};
constexpr double kSmooth = 1.0, kTiny = 1e-8;

// 1 at the centre-most of every 2^level voxels, as a view: [B, D, H, W] → [B, D/2^level, …].
at::Tensor Coarser(const at::Tensor& codes, int level) {
  if (level == 0) return codes;
  const std::int64_t step = std::int64_t{1} << level;
  at::Tensor out = codes;
  for (int axis = 1; axis <= 3; ++axis) out = out.slice(axis, step / 2, std::nullopt, step);
  return out;
}

// [B, K, D, H, W] bool: which channels each voxel belongs to.
at::Tensor Membership(const at::Tensor& codes, std::int64_t channels, bool regions) {
  const at::Tensor index = at::arange(channels, codes.options()).view({1, channels, 1, 1, 1});
  const at::Tensor wide = codes.unsqueeze(1);
  if (!regions) return wide == index;
  return wide.bitwise_right_shift(index).bitwise_and(1).to(at::kBool);
}

struct Terms {
  at::Tensor dice, cross_entropy;  // [B] each
};

Terms TermsOf(const at::Tensor& output, const at::Tensor& member, bool regions) {
  const at::Tensor logits = output.scalar_type() == at::kDouble ? output : output.to(at::kFloat);
  at::Tensor probability, cross_entropy;
  if (regions) {
    probability = logits.sigmoid();
    cross_entropy =
        at::binary_cross_entropy_with_logits(logits, member.to(logits.scalar_type()), {}, {}, at::Reduction::None)
            .mean({1, 2, 3, 4});
  } else {
    const at::Tensor log_probability = at::log_softmax(logits, 1);
    probability = log_probability.exp();
    cross_entropy = -log_probability.masked_fill(member.logical_not(), 0.0).sum(1).mean({1, 2, 3});
  }
  const at::Tensor both = probability.masked_fill(member.logical_not(), 0.0).sum(kSpace);
  const at::Tensor all = probability.sum(kSpace) + member.sum(kSpace).to(probability.scalar_type());
  const at::Tensor dice = (2 * both + kSmooth) / (all + kSmooth + kTiny);
  return {-dice.mean(1), cross_entropy};
}

// [C, 3] float64
at::Tensor Overlap(const at::Tensor& output, const at::Tensor& member, bool regions) {
  const std::int64_t channels = output.size(1);
  at::Tensor said = regions ? output > 0 : Membership(output.argmax(1), channels, false);
  at::Tensor truth = member;
  if (!regions) {
    said = said.narrow(1, 1, channels - 1);
    truth = truth.narrow(1, 1, channels - 1);
  }
  constexpr std::array<std::int64_t, 4> kAllButChannels{0, 2, 3, 4};
  const at::Tensor right = said.logical_and(truth).sum(kAllButChannels);
  return at::stack({right, said.sum(kAllButChannels) - right, truth.sum(kAllButChannels) - right}, 1).to(at::kDouble);
}

}  // namespace

SegmentationLoss ComputeSegmentationLoss(const std::vector<at::Tensor>& outputs, const at::Tensor& codes,
                                         bool regions) {
  double weights = 0;
  for (std::size_t level = 0; level < outputs.size(); ++level) weights += 1.0 / static_cast<double>(1 << level);
  SegmentationLoss result;
  at::Tensor dice, cross_entropy;  // [B], weighted
  for (std::size_t level = 0; level < outputs.size(); ++level) {
    const double weight = 1.0 / static_cast<double>(1 << level) / weights;
    const at::Tensor member = Membership(Coarser(codes, static_cast<int>(level)), outputs[level].size(1), regions);
    const Terms terms = TermsOf(outputs[level], member, regions);
    dice = level == 0 ? terms.dice * weight : dice + terms.dice * weight;
    cross_entropy = level == 0 ? terms.cross_entropy * weight : cross_entropy + terms.cross_entropy * weight;
    if (level > 0) continue;
    const c10::AutoGradMode no_gradients(false);
    result.overlap = Overlap(outputs[0].detach(), member, regions);
  }
  result.loss = (dice + cross_entropy).sum();
  const c10::AutoGradMode no_gradients(false);
  const at::Tensor dice_sum = dice.detach().sum(at::kDouble),
                   cross_entropy_sum = cross_entropy.detach().sum(at::kDouble);
  result.sums = at::stack({dice_sum + cross_entropy_sum, dice_sum, cross_entropy_sum});
  return result;
}

double DiceOf(double right, double wrongly_there, double wrongly_not) {
  const double all = 2 * right + wrongly_there + wrongly_not;
  return all > 0 ? 2 * right / all : 1.0;
}

}  // namespace amaes
