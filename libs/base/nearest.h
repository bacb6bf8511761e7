// The known name that a mistyped one is most like.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

// Insertions, deletions, substitutions and swaps of neighbours.
int EditDistance(absl::string_view a, absl::string_view b);

// A name, and other names under which it is looked for.
struct KnownName {
  std::string name;
  std::vector<std::string> also;
};

// The nearest name, compared as a whole and by its last dotted part; "" when none is near enough to be meant.
std::string NearestName(absl::string_view wrong, const std::vector<KnownName>& known);

}  // namespace amaes
