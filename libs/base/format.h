// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace amaes {

// "512 B", "4.1 MiB".
std::string FormatBytes(std::int64_t bytes);

}  // namespace amaes
