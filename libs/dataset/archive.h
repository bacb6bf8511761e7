// Zip archives of scans: what is inside, and one member out of it. Through libzip. Nothing is unpacked beside the
// archive, and no name inside one is ever used as a path. Thread-safe: every call opens the archive anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

inline constexpr std::uint64_t kMaxArchiveMembers = 1'000'000;

struct ArchiveMember {
  std::string name;
  std::uint64_t bytes = 0;  // as the archive states it: to be believed only after reading
};

struct ArchiveList {
  std::vector<ArchiveMember> members;  // files, sorted by name
  // Members that are never read, with the rule: an absolute name, "..", a control character, not UTF-8, there twice,
  // encrypted.
  std::vector<std::pair<std::string, std::string>> refused;
};

// - NotFound: no such file.   - InvalidArgument: not a zip archive, or damaged, or more than kMaxArchiveMembers members.
absl::StatusOr<ArchiveList> ListArchive(const std::filesystem::path& archive);
// The same for an archive in memory.
absl::StatusOr<ArchiveList> ListArchiveBytes(absl::string_view bytes);

// One member, decompressed; its CRC-32 is checked.
//   - NotFound: no such archive or member.   - ResourceExhausted: larger than `max_bytes`, whatever the archive says of it.
//   - DataLoss: damaged.   - InvalidArgument: not a zip archive; encrypted; a compression method that libzip lacks.
absl::StatusOr<std::string> ReadArchiveMember(const std::filesystem::path& archive, const std::string& member,
                                              std::uint64_t max_bytes);

// The same into a new file; memory stays below 2 MB. On error there is no file.   - ResourceExhausted also: disk full.
absl::Status ExtractArchiveMember(const std::filesystem::path& archive, const std::string& member,
                                  std::uint64_t max_bytes, const std::filesystem::path& target);

}  // namespace amaes
