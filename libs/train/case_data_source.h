// Labelled cases for finetuning.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/loader/case_source.h"
#include "libs/train/data_source.h"

namespace amaes {

// Held-out crops are of the validation cases, `count` of each; training crops of as many training cases, one of each. Cases
// and clock must outlive the source.
class CaseDataSource final : public DataSource {
 public:
  CaseDataSource(const LabelledCases& cases, std::shared_ptr<CaseReader> reader, CaseSourceOptions options,
                 const LoaderThreads& threads, Clock& clock)
      : cases_(cases), reader_(std::move(reader)), options_(std::move(options)), threads_(threads), clock_(clock) {}

  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(std::int64_t first_step, SkipPositions skip_positions) override {
    CaseSourceOptions options = options_;
    options.first_step = first_step;
    options.skip_positions = std::move(skip_positions);
    return Loader::Create(MakeCaseSource(cases_, reader_, options), threads_, clock_);
  }

  absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count) override {
    const bool held_out = split == Split::kHeldOut;
    const FixedCaseCrops crops(held_out ? cases_.validation : cases_.train, reader_, held_out ? count : 1, options_);
    const std::int64_t all = held_out || cases_.validation.empty()
                                 ? crops.size()
                                 : std::min(crops.size(), static_cast<std::int64_t>(cases_.validation.size()) * count);
    std::vector<Sample> samples;
    for (std::int64_t i = 0; i < all; ++i) {
      AMAES_ASSIGN_OR_RETURN(samples.emplace_back(), crops.Read(i));
    }
    return samples;
  }

 private:
  const LabelledCases& cases_;
  const std::shared_ptr<CaseReader> reader_;
  const CaseSourceOptions options_;
  const LoaderThreads threads_;
  Clock& clock_;
};

}  // namespace amaes
