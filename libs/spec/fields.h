// The table of every field of a job spec. Parsing, validation, JSON, YAML and the help text are driven by it: a field
// is added here and in job_spec.h, nowhere else.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// The kinds of job that have a field.
class KindSet {
 public:
  constexpr KindSet(std::initializer_list<JobKind> kinds) {
    for (const JobKind kind : kinds) bits_ |= 1u << static_cast<unsigned>(kind);
  }
  constexpr bool contains(JobKind kind) const { return (bits_ >> static_cast<unsigned>(kind) & 1u) != 0; }

 private:
  unsigned bits_ = 0;
};

// Where a field lies in a spec; its alternative is the field's type. A JobKind is a text for everybody else; a Shape3 is
// one whole number for a cube, or a text such as 96x96x24.
using FieldRef = std::variant<std::string*, std::int64_t*, std::uint64_t*, double*, bool*, Shape3*, JobKind*>;

// Bounds of a number, or of each number of a shape; "open" when the bound itself is not allowed. Does not apply to texts, switches and `seed`.
struct FieldRange {
  double low = 0;
  double high = 0;
  bool low_open = false;
  bool high_open = false;
};

struct Field {
  std::string path;  // dotted, as in YAML
  KindSet kinds{};
  FieldRef (*at)(JobSpec&) = nullptr;  // needs the spec's kind to be set
  std::string unit;                    // "" = none
  FieldRange range;                    // of a number
  std::vector<std::string> choices;    // of a text; empty = any
  std::string doc;
  std::vector<std::string> also{};          // what people may write instead: only for "did you mean"
  std::optional<std::int64_t> automatic{};  // the number that the word "auto" stands for, where it may be written
};

// In the order of job_spec.h. Never destroyed.
const std::vector<Field>& SpecFields();

// Of a kind that has the field, the first in order.
JobKind FirstKind(const Field& field);
// Null when no field of this path applies to `kind`.
const Field* FindField(absl::string_view path, JobKind kind);

// "text", "whole number", "number", "true or false".
std::string FieldTypeName(const Field& field);
// What may stand there: "auto, cpu or gpu", "a whole number from 1 to 4096", "a text".
std::string FieldAllowed(const Field& field);
// The value as it stands in JSON: a text is quoted.
std::string FieldValueJson(const Field& field, const JobSpec& spec);

// How a value was written. JSON tells numbers from texts; in YAML a plain scalar may be either.
enum class ScalarStyle { kPlain, kQuoted, kJsonLiteral };

// Sets the field from text.   - InvalidArgument: wrong type; the message has the value and what is allowed.
absl::Status SetField(const Field& field, absl::string_view text, ScalarStyle style, JobSpec& spec);

// "" when the value lies in the field's range or choices, else what is wrong, with the value and what is allowed.
std::string CheckFieldRange(const Field& field, const JobSpec& spec);

}  // namespace amaes
