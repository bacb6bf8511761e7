// How far two label maps agree, voxel by voxel. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace amaes {

// What is scored as one thing: a label, or several (BraTS's whole tumour = 1, 2, 4). Never label 0.
struct Region {
  std::string name;
  std::vector<std::uint8_t> labels;
  bool operator==(const Region&) const = default;
};

struct VoxelCounts {
  std::int64_t true_positive = 0, false_positive = 0, false_negative = 0;

  std::int64_t truth() const { return true_positive + false_negative; }
  std::int64_t prediction() const { return true_positive + false_positive; }
  VoxelCounts& operator+=(const VoxelCounts& other);
  bool operator==(const VoxelCounts&) const = default;
};

// Ratios of counts. NaN where the divisor is 0, as the reference's engine has it: of a region that is neither in truth nor in
// prediction all are NaN; sensitivity needs the region in the truth, precision in the prediction.
struct OverlapScores {
  double dice = 0;               // 2 TP / (2 TP + FP + FN)
  double jaccard = 0;            // TP / (TP + FP + FN)
  double sensitivity = 0;        // TP / (TP + FN)
  double precision = 0;          // TP / (TP + FP)
  double volume_similarity = 0;  // 1 - |FN - FP| / (2 TP + FP + FN)
};

OverlapScores Overlap(const VoxelCounts& counts);

// How often each label of the truth met each label of the prediction.
class ConfusionMatrix {
 public:
  // Both of one size.
  ConfusionMatrix(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction);

  std::int64_t at(std::uint8_t truth, std::uint8_t prediction) const {
    return counts_[(std::size_t{truth} << 8) | prediction];
  }
  // A voxel counts for the region when its label is one of the region's.
  VoxelCounts CountsOf(const Region& region) const;
  // Labels that occur, ascending; 0 among them.
  std::vector<std::uint8_t> LabelsOfTruth() const;
  std::vector<std::uint8_t> LabelsOfPrediction() const;

 private:
  std::vector<std::int64_t> counts_;
};

}  // namespace amaes
