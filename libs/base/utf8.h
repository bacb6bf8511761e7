// UTF-8 as RFC 3629 defines it: no surrogates, nothing overlong, nothing beyond U+10FFFF.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace amaes {

bool IsUtf8(absl::string_view text);

// Every byte that belongs to no character becomes `replacement`.
std::string ReplaceInvalidUtf8(absl::string_view text, absl::string_view replacement);

}  // namespace amaes
