// Strong types for the things that have a name or a number, so that two of them cannot be swapped.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace amaes {

template <typename Tag>
struct StringId {
  std::string value;

  StringId() = default;
  explicit StringId(std::string v) : value(std::move(v)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const StringId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const StringId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// A job, e.g. "job-7f3k2m". Chosen by the coordinator, never reused.
using JobId = StringId<struct JobIdTag>;
// A host with an agent; chosen by the agent (default: the host name).
using NodeId = StringId<struct NodeIdTag>;
// The random id of one process start: 16 hexadecimal digits.
using Incarnation = StringId<struct IncarnationTag>;

// Number of one membership of a job's gang; counts from 1 within a job. It fences: a message or a write that
// carries an older one is refused.
using AttemptNumber = std::int32_t;

}  // namespace amaes
