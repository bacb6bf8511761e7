#include "libs/dataset/ledger_format.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"

namespace amaes::ledger_format {
namespace {

static_assert(std::endian::native == std::endian::little, "ledgers are little-endian");

constexpr char kMagic[] = "AMAESLDG";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kCheckedBytes = 20;
constexpr std::uint32_t kSkippedFlag = 1;

}  // namespace

std::string Header() {
  const std::uint32_t numbers[2] = {kFormatVersion, static_cast<std::uint32_t>(kRecordBytes)};
  std::string header(kMagic, 8);
  header.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  return header;
}

absl::Status CheckHeader(const std::string& content, const std::filesystem::path& path) {
  if (content.size() < kHeaderBytes || content.compare(0, 8, kMagic) != 0) {
    return absl::DataLossError(absl::StrCat(path.string(), " is not a ledger: no header"));
  }
  std::uint32_t numbers[2];
  std::memcpy(numbers, content.data() + 8, sizeof(numbers));
  if (numbers[0] > kFormatVersion) {
    return absl::DataLossError(absl::StrCat(path.string(), " has ledger format ", numbers[0],
                                            "; this program reads up to ", kFormatVersion, ": use a newer one"));
  }
  if (numbers[0] == 0 || numbers[1] != kRecordBytes) {
    return absl::DataLossError(absl::StrCat(path.string(), ": damaged ledger header"));
  }
  return absl::OkStatus();
}

absl::Status CheckLength(const std::filesystem::path& path, std::int64_t bytes, std::int64_t length) {
  if (bytes < length) {
    return absl::DataLossError(absl::StrCat(path.string(), " has ", bytes, " bytes, but the checkpoint says ", length,
                                            ": ledger records are lost"));
  }
  if (length < kHeaderBytes || (length - kHeaderBytes) % kRecordBytes != 0) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": ", length, " bytes are no whole number of ledger records"));
  }
  return absl::OkStatus();
}

void Encode(const LedgerRecord& record, std::string& out) {
  char bytes[kRecordBytes];
  const std::uint32_t flags = record.skipped ? kSkippedFlag : 0;
  std::memcpy(bytes, &record.position, 8);
  std::memcpy(bytes + 8, &record.volume, 8);
  std::memcpy(bytes + 16, &flags, 4);
  const std::uint32_t crc = Crc32c(bytes, kCheckedBytes);
  std::memcpy(bytes + kCheckedBytes, &crc, 4);
  out.append(bytes, sizeof(bytes));
}

bool Decode(const char* bytes, LedgerRecord& record) {
  std::uint32_t flags = 0, crc = 0;
  std::memcpy(&record.position, bytes, 8);
  std::memcpy(&record.volume, bytes + 8, 8);
  std::memcpy(&flags, bytes + 16, 4);
  std::memcpy(&crc, bytes + kCheckedBytes, 4);
  record.skipped = (flags & kSkippedFlag) != 0;
  return crc == Crc32c(bytes, kCheckedBytes) && (flags & ~kSkippedFlag) == 0;
}

}  // namespace amaes::ledger_format
