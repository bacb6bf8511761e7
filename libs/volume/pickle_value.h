// What a pickle holds while it is read. Internal to safe_pickle.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/volume/numeric_type.h"
#include "nlohmann/json.hpp"

namespace amaes::pickle {

struct Value {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kUnsigned,
    kFloat,
    kText,
    kBytes,
    kList,
    kTuple,
    kDict,
    kGlobal,
    kType,
    kArray
  };
  Kind kind = Kind::kNone;
  std::int64_t whole = 0;          // kBool, kInt; the bits of kUnsigned
  double real = 0;                 // kFloat
  std::string text;                // kText (UTF-8), kBytes; of kGlobal "module.name"
  std::vector<Value*> items;       // kList, kTuple; of kDict key, value, key, value, …
  NumericType type;                // kType, kArray
  std::vector<std::int64_t> dims;  // kArray
  bool fortran = false;            // kArray
  const Value* data = nullptr;     // kArray: its kBytes; none before its state is known
};

// Owns all values of one pickle (they may refer to each other in circles) and bounds what they take.
class Arena {
 public:
  explicit Arena(std::size_t file_bytes) : most_bytes_(file_bytes + (std::size_t{1} << 20)) {}
  // Null when there are too many.
  Value* New(Value::Kind kind);
  // - InvalidArgument: "too large: …".   For bytes that are copied from one value to another.
  absl::Status Charge(std::size_t bytes);

 private:
  static constexpr std::size_t kMostValues = std::size_t{1} << 21;
  std::deque<Value> values_;
  std::size_t bytes_ = 0;
  std::size_t most_bytes_;
};

// The global of that name as a value, if it is one of those that are known.   - InvalidArgument: "refused: …".
absl::StatusOr<Value*> Global(absl::string_view module, absl::string_view name, Arena& arena);

// What calling `callable` would give (REDUCE).   - InvalidArgument: it cannot be called so.
absl::StatusOr<Value*> Call(const Value& callable, const Value& arguments, Arena& arena);

// Gives an array or a type its state (BUILD).   - InvalidArgument: it takes no such state.
absl::Status SetState(Value& value, const Value& state);

// - InvalidArgument: nested too deep, too large, an array without its data, a key twice.
absl::StatusOr<nlohmann::json> ToJson(const Value& value, std::size_t file_bytes);

absl::Status Damaged(absl::string_view why);

}  // namespace amaes::pickle
