// The bytes of a ledger: a header (magic, format version, bytes per record), then records: position, volume, flags (bit 0:
// skipped), CRC-32C of the rest. Little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "libs/dataset/ledger.h"

namespace amaes::ledger_format {

inline constexpr std::int64_t kHeaderBytes = 16;
inline constexpr std::int64_t kRecordBytes = 24;

std::string Header();
// - DataLoss: `content` does not begin with a header, or with one of a newer format (named).
absl::Status CheckHeader(const std::string& content, const std::filesystem::path& path);
// `length` is what a checkpoint states, `bytes` what the file has.   - DataLoss: shorter, or no whole number of records.
absl::Status CheckLength(const std::filesystem::path& path, std::int64_t bytes, std::int64_t length);

void Encode(const LedgerRecord& record, std::string& out);
// False when the record is torn or damaged.
bool Decode(const char* bytes, LedgerRecord& record);

}  // namespace amaes::ledger_format
