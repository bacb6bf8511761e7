// Soft Dice plus cross-entropy: what finetuning minimises.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace amaes {

// Sums over samples; they add up over micro-batches and ranks. On the device, float64, without gradient.
struct SegmentationLoss {
  at::Tensor loss;  // scalar with gradient: sum of the samples' losses
  at::Tensor sums;  // [3]: of the samples' losses, of their Dice terms, of their cross-entropies
  at::Tensor
      overlap;  // [C, 3]: voxels that are right, wrongly there, wrongly not; C: classes without background, or regions
};

// `outputs`: logits [B, K, D, H, W], then, under deep supervision, coarser ones by one level each; bfloat16 is compared
// in float32. `codes` [B, D, H, W] uint8 as LabelSet::CodeOf; coarser outputs are compared with every 2nd, 4th, … voxel
// (those behind the centre).
//
// Classes (K = C + 1): p = softmax; cross-entropy, mean over voxels. Regions (K = C): p = sigmoid; binary cross-entropy, mean
// over voxels and regions. Both: minus the Dice (2·Σp·y + 1) / (Σp + Σy + 1 + 1e-8), mean over the K channels, background
// included, of each sample by itself. Weights of the outputs 1, 1/2, 1/4, …, divided by their sum.
// The overlap is that of the first output: largest logit, or logit > 0. Throws c10::Error.
SegmentationLoss ComputeSegmentationLoss(const std::vector<at::Tensor>& outputs, const at::Tensor& codes, bool regions);

// 2·right / (2·right + wrongly there + wrongly not); 1 where there is nothing to find and nothing was found.
double DiceOf(double right, double wrongly_there, double wrongly_not);

}  // namespace amaes
