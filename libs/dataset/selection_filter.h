// The filter language over catalogue entries.
//
//   filter  = terms separated by spaces or commas; all must hold. Empty: every entry.
//   term    = KEY OPERATOR VALUE, without spaces between them
//   KEY     = a text: subject session modality source collection case_id datatype orientation volume split (train,
//             held-out), or flag (of which an entry may have several)
//             a number: shape_min shape_max (stored, voxels) spacing_min spacing_max (source, mm) foreground_share
//             frames frame mean standard_deviation nonfinite_voxels source_minimum source_maximum stored_bytes
//             info.NAME: what sidecars tell, e.g. info.sex, info.field_strength_t; a text or a number
//   text    : = and != one or none of A|B|…   ~ and !~ one or none of the globs A|B|… (* any characters, ? one)
//   number  : = != < <= > >=
//   VALUE   = characters without space , | " ; or anything "in double quotes"
// Letters count as they are written. An entry without an info value fulfils != and !~ only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

struct FilterTerm {
  enum class Operator { kEqual, kNotEqual, kLike, kNotLike, kLess, kAtMost, kMore, kAtLeast };
  std::string text;  // as it was written
  std::string key;
  Operator op = Operator::kEqual;
  std::vector<std::string> values;  // one for the orders
  std::vector<double> numbers;      // of the values, where the key is a number or the operator an order

  bool Holds(const CatalogueEntry& entry) const;
};

class EntryFilter {
 public:
  // - InvalidArgument: "at character 12: …": what stands there, what was expected, the nearest known key.
  static absl::StatusOr<EntryFilter> Parse(absl::string_view text);

  bool Matches(const CatalogueEntry& entry) const;
  // - InvalidArgument: an info key that no entry has; says which there are.
  absl::Status CheckKeys(const std::vector<CatalogueEntry>& entries) const;
  const std::vector<FilterTerm>& terms() const { return terms_; }

 private:
  friend class FilterParser;
  std::vector<FilterTerm> terms_;
};

// How often a pass visits a volume: rules "TERM …:N" separated by commas, e.g. "collection=OASIS3:2, modality=FLAIR:3".
// The first rule whose terms all hold wins; no rule: once. N is 1 to 1000. A value with : in it stands in quotes.
struct RepeatRule {
  std::string text;
  EntryFilter filter;
  std::int64_t times = 1;
};
inline constexpr std::int64_t kMaxRepeats = 1000;

// Errors as EntryFilter::Parse.
absl::StatusOr<std::vector<RepeatRule>> ParseRepeats(absl::string_view text);

}  // namespace amaes
