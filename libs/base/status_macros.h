// Early return on error. AMAES_ prefix throughout: <torch/torch.h> defines CHECK and LOG.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace amaes {

// The same status with `context` and ": " in front of its message.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status out(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

}  // namespace amaes

#define AMAES_INTERNAL_CONCAT2(a, b) a##b
#define AMAES_INTERNAL_CONCAT(a, b) AMAES_INTERNAL_CONCAT2(a, b)

#define AMAES_RETURN_IF_ERROR(expr)                                                                             \
  do {                                                                                                          \
    if (absl::Status amaes_internal_status = (expr); !amaes_internal_status.ok()) return amaes_internal_status; \
  } while (false)

// AMAES_ASSIGN_OR_RETURN(auto x, F());
#define AMAES_ASSIGN_OR_RETURN(lhs, expr) \
  AMAES_INTERNAL_ASSIGN(AMAES_INTERNAL_CONCAT(amaes_internal_result_, __LINE__), lhs, expr)
#define AMAES_INTERNAL_ASSIGN(result, lhs, expr) \
  auto result = (expr);                          \
  if (!result.ok()) return result.status();      \
  lhs = *std::move(result)
