// YAML or JSON text as a flat list of what stands at its ends, with what the two formats have in common. The only place
// that knows yaml-cpp.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/spec/fields.h"

namespace amaes {

enum class LeafType { kNull, kScalar, kList, kEmptyMap };

struct Leaf {
  std::string path;  // dotted
  LeafType type = LeafType::kScalar;
  std::string text;  // of a scalar
  ScalarStyle style = ScalarStyle::kPlain;
  int line = 0;  // from 1; 0 = not known
};

// In the order of the text; a key that stands there twice gives two leaves. Text and nesting are bounded.
//   - InvalidArgument: a syntax error, with line and column; not a mapping; too large; not UTF-8.
absl::StatusOr<std::vector<Leaf>> ReadLeaves(const std::string& text);
// The same for JSON alone.
absl::StatusOr<std::vector<Leaf>> ReadJsonLeaves(const std::string& text);

}  // namespace amaes
