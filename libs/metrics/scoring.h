// Which values a prediction holds, and which regions are scored. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/labels.h"
#include "libs/metrics/overlap.h"
#include "libs/volume/volume.h"

namespace amaes {

struct Scoring {
  bool regions = false;  // what the network's channels are: regions, or classes with the background first
  // The output channels in the order in which they are painted, regions from the largest to the smallest; and the code that
  // the voxels of each of these get: of a region a value that no later one has.
  std::vector<std::int64_t> order;
  std::vector<std::uint8_t> channels;
  std::vector<Region> scored;  // in codes
  // Of every declared value of a label map its code, a byte: the value itself where all fit, else numbered from 1. Values of
  // one class share the code of the first.
  std::map<std::int64_t, std::uint8_t> codes;
  bool renumbered = false;
};

// `labels`: the network's. `regions`: "NAME=VALUES, …" to be scored in place of its classes or regions, as ParseLabels reads
// them; empty = these. `more_background`: values joined by + that label maps may have and that are taken for background.
//   - InvalidArgument: a text that cannot be read; a value that the network was not trained on, or a background that it was; a region all of whose values
//     belong to others that are not larger, so that no label would be left for it.
absl::StatusOr<Scoring> PlanScoring(const LabelSet& labels, const std::string& regions,
                                    const std::string& more_background);

// The label map in codes.
//   - FailedPrecondition: values that are not declared, with their numbers of voxels; says what to do.
absl::StatusOr<std::vector<std::uint8_t>> ToCodes(const Volume& label, const Scoring& scoring);

}  // namespace amaes
