// bfloat16 autocast for a scope: convolutions run in bfloat16, parameters and loss stay float32.
#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

namespace amaes {

// Of the calling thread; not nested. Without autocast's weight cache: every weight is used once per forward pass, so the
// cache saves nothing and would keep stale copies across an update.
class AutocastScope {
 public:
  AutocastScope(c10::DeviceType device, bool enabled);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  const c10::DeviceType device_;
  const bool enabled_;
  bool had_cache_ = false;
  c10::ScalarType had_type_ = c10::ScalarType::Undefined;
};

}  // namespace amaes
