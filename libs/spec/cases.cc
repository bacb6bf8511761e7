#include "libs/spec/cases.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace amaes {

CaseOptions CaseOptionsOf(const FinetuneSpec& spec) {
  CaseOptions out{.filter = spec.dataset.filter,
                  .channels = {},
                  .train_cases = spec.cases.train_cases,
                  .validation_share = spec.cases.validation_share,
                  .seed = spec.CaseSeed()};
  for (const absl::string_view part : absl::StrSplit(spec.cases.channels, ',', absl::SkipWhitespace())) {
    out.channels.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return out;
}

}  // namespace amaes
