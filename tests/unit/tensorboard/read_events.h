// The events of a file, by a reader of our own: lengths only, no checksums.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "proto/tensorboard/event.pb.h"

namespace amaes {

inline std::vector<tensorboard::Event> ReadEvents(const std::filesystem::path& path) {
  const std::string bytes = files::Read(path).value();
  std::vector<tensorboard::Event> events;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(bytes[at + i]);
    events.emplace_back();
    if (!events.back().ParseFromString(bytes.substr(at + 12, length))) throw std::runtime_error("no event");
    at += length + 16;
  }
  return events;
}

}  // namespace amaes
