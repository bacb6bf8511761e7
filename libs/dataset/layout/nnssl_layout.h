#pragma once

#include <functional>
#include <utility>

#include "libs/dataset/layout.h"

namespace amaes {

// The value of a variable of the environment, or null.
using Environment = std::function<const char*(const char* name)>;

class NnsslLayout final : public Layout {
 public:
  explicit NnsslLayout(Environment environment) : environment_(std::move(environment)) {}
  Recognition Recognise(const std::filesystem::path& folder) override;
  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override;

 private:
  Environment environment_;
};

}  // namespace amaes
