// Samples for finetuning: crops of labelled cases, in the order of a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/cases.h"
#include "libs/dataset/sample_stream.h"
#include "libs/draws/augment_draws.h"
#include "libs/loader/case_reader.h"
#include "libs/loader/sample_source.h"

namespace amaes {

struct CaseSourceOptions {
  std::uint64_t seed = 1;
  Shape3 patch = Cube(128);
  double foreground = 0.33;     // share of the crops that shall hold a labelled voxel
  Augmentation augmentation{};  // of training samples; fixed crops have none
  std::int64_t global_batch = 1;
  LaneRange lanes;              // of this rank
  std::int64_t first_step = 0;  // where to begin (resume)
  // Positions that are skipped unread, ascending: an earlier attempt skipped them. Null: none.
  std::shared_ptr<const std::vector<std::int64_t>> skip_positions = nullptr;
};

// The training cases in the order of SampleStream(seed, cases.digest), each once in a pass. Sample::volume is the index of
// the training case. `cases` outlives the source; it has a training case.
std::unique_ptr<SampleSource> MakeCaseSource(const LabelledCases& cases, std::shared_ptr<CaseReader> reader,
                                             const CaseSourceOptions& options);

// Fixed crops for validation: of each case `crops`, the first of which holds a labelled voxel where there is one, the others
// fall anywhere. Crop i is of case i / crops; the same for every run, whatever its seed.
class FixedCaseCrops {
 public:
  FixedCaseCrops(const std::vector<LabelledCase>& cases, std::shared_ptr<CaseReader> reader, std::int64_t crops,
                 const CaseSourceOptions& options)
      : cases_(cases), reader_(std::move(reader)), crops_(crops), patch_(options.patch) {}

  std::int64_t size() const { return static_cast<std::int64_t>(cases_.size()) * crops_; }
  // `index` in [0, size()). Errors as CaseReader::Fill. Thread-safe.
  absl::StatusOr<Sample> Read(std::int64_t index) const;

 private:
  const std::vector<LabelledCase>& cases_;
  const std::shared_ptr<CaseReader> reader_;
  const std::int64_t crops_;
  const Shape3 patch_;
};

}  // namespace amaes
