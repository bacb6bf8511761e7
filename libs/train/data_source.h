// Where samples come from: a dataset version on disk, or in tests a generator.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/dataset/catalogue.h"
#include "libs/loader/loader.h"

namespace amaes {

class DataSource {
 public:
  virtual ~DataSource() = default;
  // Errors as Loader::Create.
  virtual absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(const LoaderOptions& options) = 0;
  // As LoadFixedCrops.
  virtual absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count,
                                                         const LoaderOptions& options) = 0;
};

// Both must outlive the source.
class DatasetSource final : public DataSource {
 public:
  DatasetSource(const DatasetVersion& version, Clock& clock) : version_(version), clock_(clock) {}
  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(const LoaderOptions& options) override {
    return Loader::Create(version_, options, clock_);
  }
  absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count, const LoaderOptions& options) override {
    return LoadFixedCrops(version_, split, count, options);
  }

 private:
  const DatasetVersion& version_;
  Clock& clock_;
};

}  // namespace amaes
