// Numbers and texts as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace amaes {

// "512 B", "4.1 MiB".
std::string FormatBytes(std::int64_t bytes);

// A text inside an element or a quoted attribute of a page.
namespace html {
std::string Escape(absl::string_view text);
}

}  // namespace amaes
