#include "libs/dataset/selection_filter.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/nearest.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue_json.h"

namespace amaes {
namespace {

using Operator = FilterTerm::Operator;
using Entry = CatalogueEntry;

constexpr char kInfo[] = "info.";
constexpr std::size_t kMaxText = 10000;

struct TextKey {
  const char* name;
  std::vector<std::string> (*of)(const Entry&);
};

struct NumberKey {
  const char* name;
  double (*of)(const Entry&);
};

const TextKey kTexts[] = {
    {"subject", [](const Entry& e) { return std::vector{e.subject}; }},
    {"session", [](const Entry& e) { return std::vector{e.session}; }},
    {"modality", [](const Entry& e) { return std::vector{e.modality}; }},
    {"source", [](const Entry& e) { return std::vector{e.source}; }},
    {"collection", [](const Entry& e) { return std::vector{e.collection}; }},
    {"case_id", [](const Entry& e) { return std::vector{e.case_id}; }},
    {"datatype", [](const Entry& e) { return std::vector{e.datatype}; }},
    {"orientation", [](const Entry& e) { return std::vector{e.orientation}; }},
    {"volume", [](const Entry& e) { return std::vector{e.volume}; }},
    {"split", [](const Entry& e) { return std::vector{SplitName(e.split)}; }},
    {"flag", [](const Entry& e) { return e.flags; }},
};

const NumberKey kNumbers[] = {
    {"shape_min",
     [](const Entry& e) { return static_cast<double>(*std::min_element(e.shape.begin(), e.shape.end())); }},
    {"shape_max",
     [](const Entry& e) { return static_cast<double>(*std::max_element(e.shape.begin(), e.shape.end())); }},
    {"spacing_min", [](const Entry& e) { return *std::min_element(e.source_spacing.begin(), e.source_spacing.end()); }},
    {"spacing_max", [](const Entry& e) { return *std::max_element(e.source_spacing.begin(), e.source_spacing.end()); }},
    {"foreground_share", [](const Entry& e) { return e.foreground_share; }},
    {"frames", [](const Entry& e) { return static_cast<double>(e.frames); }},
    {"frame", [](const Entry& e) { return static_cast<double>(e.frame); }},
    {"mean", [](const Entry& e) { return e.mean; }},
    {"standard_deviation", [](const Entry& e) { return e.standard_deviation; }},
    {"nonfinite_voxels", [](const Entry& e) { return static_cast<double>(e.nonfinite_voxels); }},
    {"source_minimum", [](const Entry& e) { return e.source_minimum; }},
    {"source_maximum", [](const Entry& e) { return e.source_maximum; }},
    {"stored_bytes", [](const Entry& e) { return static_cast<double>(e.stored_bytes); }},
};

template <typename Table>
const auto* FindKey(const Table& table, absl::string_view name) {
  const auto found =
      std::find_if(std::begin(table), std::end(table), [&](const auto& key) { return name == key.name; });
  return found == std::end(table) ? nullptr : found;
}

// What people may write instead, for "did you mean".
std::vector<KnownName> KnownKeys() {
  std::vector<KnownName> known;
  for (const TextKey& key : kTexts) known.push_back({key.name, {}});
  for (const NumberKey& key : kNumbers) known.push_back({key.name, {}});
  for (KnownName& key : known) {
    if (key.name == "subject") key.also = {"patient", "participant", "sub"};
    if (key.name == "modality") key.also = {"sequence", "contrast", "suffix"};
    if (key.name == "source") key.also = {"file", "path", "filename"};
    if (key.name == "collection") key.also = {"dataset", "cohort", "study", "site"};
    if (key.name == "flag") key.also = {"flags"};
    if (key.name == "shape_min") key.also = {"shape", "size"};
    if (key.name == "spacing_max") key.also = {"spacing", "voxel_size", "zooms"};
  }
  for (const char* name : {"manufacturer", "scanner", "field_strength_t", "age_years", "sex", "echo_time_ms",
                           "repetition_time_ms", "quality"}) {
    known.push_back({absl::StrCat(kInfo, name), {}});
  }
  return known;
}

bool IsInfo(absl::string_view key) { return key.size() > 5 && key.substr(0, 5) == kInfo; }
bool IsOrder(Operator op) { return op >= Operator::kLess; }
bool IsGlob(Operator op) { return op == Operator::kLike || op == Operator::kNotLike; }

// * any characters, ? one. Linear in both but for what the last * takes.
bool GlobMatches(absl::string_view glob, absl::string_view text) {
  std::size_t g = 0, t = 0, star = absl::string_view::npos, star_text = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_text = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g, ++t;
    } else if (star != absl::string_view::npos) {
      g = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

bool Compare(Operator op, double value, double bound) {
  switch (op) {
    case Operator::kLess:
      return value < bound;
    case Operator::kAtMost:
      return value <= bound;
    case Operator::kMore:
      return value > bound;
    case Operator::kAtLeast:
      return value >= bound;
    default:
      return value == bound;
  }
}

bool AnyNumber(const FilterTerm& term, double value) {
  return std::any_of(term.numbers.begin(), term.numbers.end(), [&](double n) { return Compare(term.op, value, n); });
}

bool AnyText(const FilterTerm& term, const std::string& text) {
  return std::any_of(term.values.begin(), term.values.end(), [&](const std::string& value) {
    return IsGlob(term.op) ? GlobMatches(value, text) : value == text;
  });
}

// A sidecar's value is a text; where both sides are numbers they are compared as numbers.
bool AnyInfo(const FilterTerm& term, const std::string& text) {
  double value = 0;
  const bool number = absl::SimpleAtod(text, &value);
  if (IsOrder(term.op)) return number && AnyNumber(term, value);
  if (AnyText(term, text)) return true;
  return !IsGlob(term.op) && number && std::any_of(term.values.begin(), term.values.end(), [&](const std::string& v) {
    double wanted = 0;
    return absl::SimpleAtod(v, &wanted) && wanted == value;
  });
}

bool AnyValue(const FilterTerm& term, const Entry& entry) {
  if (IsInfo(term.key)) {
    const auto found = entry.info.find(term.key.substr(5));
    return found != entry.info.end() && AnyInfo(term, found->second);
  }
  if (const NumberKey* key = FindKey(kNumbers, term.key)) return AnyNumber(term, key->of(entry));
  const std::vector<std::string> texts = FindKey(kTexts, term.key)->of(entry);
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return AnyText(term, text); });
}

}  // namespace

bool FilterTerm::Holds(const CatalogueEntry& entry) const {
  const bool negated = op == Operator::kNotEqual || op == Operator::kNotLike;
  return AnyValue(*this, entry) != negated;
}

class FilterParser {
 public:
  FilterParser(absl::string_view text, bool rules) : text_(text), rules_(rules) {}

  absl::StatusOr<EntryFilter> Filter() {
    AMAES_RETURN_IF_ERROR(CheckLength());
    EntryFilter filter;
    for (SkipSpace(true); !AtEnd(); SkipSpace(true)) {
      AMAES_ASSIGN_OR_RETURN(FilterTerm term, Term());
      filter.terms_.push_back(std::move(term));
    }
    return filter;
  }

  absl::StatusOr<std::vector<RepeatRule>> Rules() {
    AMAES_RETURN_IF_ERROR(CheckLength());
    std::vector<RepeatRule> rules;
    for (SkipSpace(true); !AtEnd(); SkipSpace(true)) {
      AMAES_ASSIGN_OR_RETURN(RepeatRule rule, Rule());
      rules.push_back(std::move(rule));
    }
    return rules;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Now() const { return AtEnd() ? '\0' : text_[at_]; }
  void SkipSpace(bool commas) {
    while (!AtEnd() && (absl::ascii_isspace(static_cast<unsigned char>(Now())) || (commas && Now() == ','))) ++at_;
  }

  absl::Status CheckLength() const {
    if (text_.size() <= kMaxText) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("has ", text_.size(), " characters; at most ", kMaxText));
  }

  // What stands at the position, in words.
  std::string Found() const {
    if (AtEnd()) return "the end";
    const std::size_t end = std::min(text_.find_first_of(" ,", at_ + 1), at_ + 20);
    return absl::StrCat("'", text_.substr(at_, end - at_), "'");
  }
  absl::Status Wrong(absl::string_view expected) const {
    return WrongAt(at_, absl::StrCat("expected ", expected, ", not ", Found()));
  }
  static absl::Status WrongAt(std::size_t at, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("at character ", at + 1, ": ", what));
  }

  absl::StatusOr<RepeatRule> Rule() {
    RepeatRule rule;
    const std::size_t start = at_;
    for (SkipSpace(false); Now() != ':'; SkipSpace(false)) {
      if (!rule.filter.terms_.empty() && (AtEnd() || Now() == ',')) return Wrong("a term or ':' and how often");
      AMAES_ASSIGN_OR_RETURN(FilterTerm term, Term());
      rule.filter.terms_.push_back(std::move(term));
    }
    if (rule.filter.terms_.empty()) return Wrong("a term before ':'");
    ++at_;
    SkipSpace(false);
    const std::size_t number = at_;
    while (!AtEnd() && Now() != ',' && !absl::ascii_isspace(static_cast<unsigned char>(Now()))) ++at_;
    const absl::string_view digits = text_.substr(number, at_ - number);
    if (!absl::SimpleAtoi(digits, &rule.times) || rule.times < 1 || rule.times > kMaxRepeats) {
      return WrongAt(number, absl::StrCat("expected a whole number from 1 to ", kMaxRepeats, ", not '", digits, "'",
                                          digits == "0" ? "; to leave volumes out, use dataset.filter" : ""));
    }
    rule.text = std::string(text_.substr(start, at_ - start));
    SkipSpace(false);
    if (!AtEnd() && Now() != ',') return Wrong("',' before the next rule");
    return rule;
  }

  absl::StatusOr<FilterTerm> Term() {
    FilterTerm term;
    const std::size_t start = at_;
    AMAES_RETURN_IF_ERROR(Key(term.key));
    AMAES_RETURN_IF_ERROR(Op(term));
    do {
      AMAES_RETURN_IF_ERROR(Value(term));
    } while (Take('|'));
    term.text = std::string(text_.substr(start, at_ - start));
    if (!AtEnd() && !absl::ascii_isspace(static_cast<unsigned char>(Now())) && Now() != ',' &&
        !(rules_ && Now() == ':')) {
      return Wrong("a space, ',' or '|' after a value");
    }
    return term;
  }

  absl::Status Key(std::string& key) {
    const std::size_t start = at_;
    while (absl::ascii_isalnum(static_cast<unsigned char>(Now())) || Now() == '_' || Now() == '.' || Now() == '-')
      ++at_;
    key = std::string(text_.substr(start, at_ - start));
    if (key.empty()) return Wrong("a key, such as modality");
    if (IsInfo(key) || FindKey(kTexts, key) != nullptr || FindKey(kNumbers, key) != nullptr) return absl::OkStatus();
    const std::vector<KnownName> known = KnownKeys();
    const std::string nearest = NearestName(key, known);
    return WrongAt(start, absl::StrCat("'", key, "' is no key", nearest.empty() ? "; there are " : "; did you mean ",
                                       nearest.empty() ? absl::StrJoin(known, ", ",
                                                                       [](std::string* out, const KnownName& name) {
                                                                         absl::StrAppend(out, name.name);
                                                                       })
                                                       : absl::StrCat(nearest, "?")));
  }

  absl::Status Op(FilterTerm& term) {
    static constexpr std::pair<absl::string_view, Operator> kOperators[] = {
        {"!=", Operator::kNotEqual}, {"!~", Operator::kNotLike}, {"<=", Operator::kAtMost}, {">=", Operator::kAtLeast},
        {"=", Operator::kEqual},     {"~", Operator::kLike},     {"<", Operator::kLess},    {">", Operator::kMore}};
    const bool info = IsInfo(term.key);
    const bool number = FindKey(kNumbers, term.key) != nullptr;
    const char* allowed = info ? "= != ~ !~ < <= > or >=" : number ? "= != < <= > or >=" : "= != ~ or !~";
    for (const auto& [sign, op] : kOperators) {
      if (text_.substr(at_, sign.size()) != sign) continue;
      if (!info && (number ? IsGlob(op) : IsOrder(op))) {
        return WrongAt(at_, absl::StrCat(sign, " does not go with ", term.key, ", which is a ",
                                         number ? "number" : "text", ": use ", allowed));
      }
      term.op = op;
      at_ += sign.size();
      return absl::OkStatus();
    }
    return Wrong(absl::StrCat(allowed, " after ", term.key));
  }

  absl::Status Value(FilterTerm& term) {
    const std::size_t start = at_;
    std::string value;
    if (Take('"')) {
      const std::size_t end = text_.find('"', at_);
      if (end == absl::string_view::npos) return WrongAt(start, "the quote is not closed");
      value = std::string(text_.substr(at_, end - at_));
      at_ = end + 1;
    } else {
      while (!AtEnd() && !absl::ascii_isspace(static_cast<unsigned char>(Now())) &&
             absl::string_view(",|\"").find(Now()) == absl::string_view::npos && !(rules_ && Now() == ':')) {
        ++at_;
      }
      value = std::string(text_.substr(start, at_ - start));
      if (value.empty()) return Wrong(absl::StrCat("a value of ", term.key, " (\"\" for none)"));
    }
    if (IsOrder(term.op) || FindKey(kNumbers, term.key) != nullptr) {
      double number = 0;
      if (!absl::SimpleAtod(value, &number) || !std::isfinite(number)) {
        return WrongAt(start, absl::StrCat("expected a number for ", term.key, ", not '", value, "'"));
      }
      if (IsOrder(term.op) && !term.numbers.empty()) return WrongAt(start, "an order takes one number, not several");
      term.numbers.push_back(number);
    }
    if (term.key == "split" && !IsGlob(term.op) && value != SplitName(Split::kTrain) &&
        value != SplitName(Split::kHeldOut)) {
      return WrongAt(start, absl::StrCat("expected train or held-out, not '", value, "'"));
    }
    term.values.push_back(std::move(value));
    return absl::OkStatus();
  }

  bool Take(char c) {
    if (Now() != c || AtEnd()) return false;
    ++at_;
    return true;
  }

  const absl::string_view text_;
  const bool rules_;
  std::size_t at_ = 0;
};

absl::StatusOr<EntryFilter> EntryFilter::Parse(absl::string_view text) { return FilterParser(text, false).Filter(); }

absl::StatusOr<std::vector<RepeatRule>> ParseRepeats(absl::string_view text) {
  return FilterParser(text, true).Rules();
}

bool EntryFilter::Matches(const CatalogueEntry& entry) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const FilterTerm& term) { return term.Holds(entry); });
}

absl::Status EntryFilter::CheckKeys(const std::vector<CatalogueEntry>& entries) const {
  if (std::none_of(terms_.begin(), terms_.end(), [](const FilterTerm& term) { return IsInfo(term.key); })) {
    return absl::OkStatus();
  }
  std::set<std::string> keys;
  for (const CatalogueEntry& entry : entries) {
    for (const auto& [key, value] : entry.info) keys.insert(absl::StrCat(kInfo, key));
  }
  for (const FilterTerm& term : terms_) {
    if (!IsInfo(term.key) || keys.contains(term.key)) continue;
    std::vector<KnownName> known;
    for (const std::string& key : keys) known.push_back({key, {}});
    const std::string nearest = NearestName(term.key, known);
    return absl::InvalidArgumentError(
        absl::StrCat(term.text, ": no volume has ", term.key, nearest.empty() ? "" : "; did you mean ", nearest,
                     nearest.empty() ? keys.empty() ? "; no sidecar told anything" : "; there are " : "?",
                     nearest.empty() ? absl::StrJoin(keys, ", ") : ""));
  }
  return absl::OkStatus();
}

}  // namespace amaes
