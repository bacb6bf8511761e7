#include "libs/rpc/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/digest.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

constexpr std::size_t kCheckDigits = 8;

std::string CheckDigits(const std::string& cursor, const std::string& scope) {
  const std::string both = absl::StrCat(scope, "\n", cursor);
  return absl::StrFormat("%08x", Crc32c(both.data(), both.size()));
}

absl::Status BadFilter(const std::string& message, const std::string& filter) {
  return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_FILTER", message, {{"filter", filter}});
}

}  // namespace

absl::StatusOr<PageRequest> ParsePage(int page_size, const std::string& page_token, const std::string& scope) {
  if (page_size < 0) {
    return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_PAGE_SIZE",
                           absl::StrCat("page_size is ", page_size, "; 0 to ", kMaxPageSize, " is allowed"),
                           {{"page_size", absl::StrCat(page_size)}});
  }
  PageRequest page;
  page.page_size = page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize);
  if (page_token.empty()) return page;
  std::string text;
  if (!absl::WebSafeBase64Unescape(page_token, &text) || text.size() <= kCheckDigits ||
      text.substr(0, kCheckDigits) != CheckDigits(text.substr(kCheckDigits), scope)) {
    return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
                           "page_token is not from this list with this filter; ask for the first page again");
  }
  page.cursor = text.substr(kCheckDigits);
  return page;
}

std::string MakePageToken(const std::string& cursor, const std::string& scope) {
  if (cursor.empty()) return "";
  return absl::WebSafeBase64Escape(absl::StrCat(CheckDigits(cursor, scope), cursor));
}

absl::StatusOr<Filter> ParseFilter(const std::string& text, const std::vector<std::string>& keys) {
  Filter filter;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const std::string key(absl::StripAsciiWhitespace(halves.first));
    const std::string value(absl::StripAsciiWhitespace(halves.second));
    if (std::find(keys.begin(), keys.end(), key) == keys.end() || part.find('=') == absl::string_view::npos) {
      return BadFilter(
          absl::StrCat("filter: '", part, "' is not KEY=VALUE with KEY one of: ", absl::StrJoin(keys, ", ")), text);
    }
    if (!filter.emplace(key, value).second)
      return BadFilter(absl::StrCat("filter: '", key, "' stands there twice"), text);
  }
  return filter;
}

absl::Status BadFilterValue(const std::string& key, const std::string& value, const std::string& allowed) {
  return BadFilter(absl::StrCat("filter: ", key, "='", value, "'; allowed: ", allowed), absl::StrCat(key, "=", value));
}

}  // namespace amaes
