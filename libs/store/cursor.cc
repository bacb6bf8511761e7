#include "libs/store/cursor.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"

namespace amaes::store {
namespace {

constexpr std::size_t kDigestDigits = 16;
constexpr int kDefaultPage = 50, kLargestPage = 1000;

std::string DigestOf(const std::string& list) { return Sha256Hex(list).substr(0, kDigestDigits); }

}  // namespace

std::string EncodeCursor(const std::string& list, std::int64_t key) {
  return absl::WebSafeBase64Escape(absl::StrCat(key, ":", DigestOf(list)));
}

absl::StatusOr<std::optional<std::int64_t>> DecodeCursor(const std::string& list, const std::string& cursor) {
  if (cursor.empty()) return std::nullopt;
  std::string plain;
  const bool decoded = absl::WebSafeBase64Unescape(cursor, &plain);
  const std::vector<std::string> parts = absl::StrSplit(plain, ':');
  std::int64_t key = 0;
  if (!decoded || parts.size() != 2 || !absl::SimpleAtoi(parts[0], &key) || parts[1].size() != kDigestDigits) {
    return absl::InvalidArgumentError("this is no cursor; pass the one of the page before, unchanged");
  }
  if (parts[1] != DigestOf(list)) {
    return absl::InvalidArgumentError(
        "this cursor belongs to a list with another filter; start again without a cursor");
  }
  return key;
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0) return absl::InvalidArgumentError(absl::StrCat("page size ", asked, " is below 0"));
  return asked == 0 ? kDefaultPage : std::min(asked, kLargestPage);
}

}  // namespace amaes::store
