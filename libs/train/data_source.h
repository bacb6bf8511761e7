// Where samples come from: a dataset version on disk, or in tests a generator.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/dataset/catalogue.h"
#include "libs/loader/loader.h"

namespace amaes {

// Positions that are left unread, ascending: an earlier attempt skipped them. Null: none.
using SkipPositions = std::shared_ptr<const std::vector<std::int64_t>>;

class DataSource {
 public:
  virtual ~DataSource() = default;
  // This rank's samples, from `first_step` on. Errors as Loader::Create.
  virtual absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(std::int64_t first_step, SkipPositions skip_positions) = 0;
  // Fixed crops for validation, the same for every rank; at most `count`, none when the split is empty. Errors as Loader::Next.
  virtual absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count) = 0;
};

// Crops of whole volumes, for pretraining. Version and clock must outlive the source.
class DatasetSource final : public DataSource {
 public:
  DatasetSource(const DatasetVersion& version, LoaderOptions options, Clock& clock)
      : version_(version), options_(std::move(options)), clock_(clock) {}
  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(std::int64_t first_step, SkipPositions skip_positions) override {
    LoaderOptions options = options_;
    options.first_step = first_step;
    options.skip_positions = std::move(skip_positions);
    return Loader::Create(version_, options, clock_);
  }
  absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count) override {
    return LoadFixedCrops(version_, split, count, options_);
  }

 private:
  const DatasetVersion& version_;
  const LoaderOptions options_;
  Clock& clock_;
};

}  // namespace amaes
