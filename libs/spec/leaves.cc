#include "libs/spec/leaves.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/base/utf8.h"

namespace amaes {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxLeaves = 10000;  // bounds aliases that multiply
constexpr std::size_t kMaxDepth = 16;      // bounds aliases that contain themselves
constexpr std::size_t kMaxNesting = 200;   // of brackets, before a parser recurses into them

std::string Join(const std::vector<std::string>& keys) { return absl::StrJoin(keys, "."); }

// Flattens JSON events. Lists become one leaf; what is inside them is skipped.
class JsonFlattener final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Leaf> leaves;
  std::string error;

  bool null() override { return Add(LeafType::kNull, "null", ScalarStyle::kJsonLiteral); }
  bool boolean(bool value) override { return Literal(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override { return Literal(absl::StrCat(value)); }
  bool number_unsigned(std::uint64_t value) override { return Literal(absl::StrCat(value)); }
  bool number_float(double, const std::string& text) override { return Literal(text); }
  bool string(std::string& value) override { return Add(LeafType::kScalar, value, ScalarStyle::kQuoted); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool key(std::string& value) override {
    if (lists_ == 0) keys_.back() = value;
    return true;
  }
  bool start_object(std::size_t) override {
    if (lists_ > 0) return true;
    if (keys_.size() > kMaxDepth) return Fail("nested too deeply");
    keys_.emplace_back();
    sizes_.push_back(leaves.size());
    return true;
  }
  bool end_object() override {
    if (lists_ > 0) return true;
    keys_.pop_back();
    const bool empty = sizes_.back() == leaves.size();
    sizes_.pop_back();
    return keys_.empty() || !empty || Add(LeafType::kEmptyMap, "", ScalarStyle::kJsonLiteral);
  }
  bool start_array(std::size_t) override {
    if (lists_ == 0 && !Add(LeafType::kList, "", ScalarStyle::kJsonLiteral)) return false;
    ++lists_;
    return true;
  }
  bool end_array() override {
    --lists_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& what) override {
    error = what.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": without the library's own prefix.
    const std::size_t at = error.find("at line ");
    if (at != std::string::npos) error = error.substr(at + 3);
    return false;
  }

 private:
  bool Fail(absl::string_view what) {
    error = std::string(what);
    return false;
  }
  bool Literal(std::string text) { return Add(LeafType::kScalar, std::move(text), ScalarStyle::kJsonLiteral); }
  bool Add(LeafType type, std::string text, ScalarStyle style) {
    if (lists_ > 0) return true;
    if (keys_.empty()) return Fail("the spec must be a mapping of fields to values");
    if (leaves.size() >= kMaxLeaves) return Fail("too many fields");
    leaves.push_back({Join(keys_), type, std::move(text), style, 0});
    return true;
  }

  std::vector<std::string> keys_;
  std::vector<std::size_t> sizes_;  // leaves before each open object
  int lists_ = 0;
};

class YamlFlattener {
 public:
  std::vector<Leaf> leaves;

  absl::Status Visit(const YAML::Node& node) {
    if (keys_.size() > kMaxDepth) return absl::InvalidArgumentError("nested too deeply");
    if (leaves.size() >= kMaxLeaves) return absl::InvalidArgumentError("too many fields");
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return VisitMap(node);
      case YAML::NodeType::Sequence:
        return Add(node, LeafType::kList);
      case YAML::NodeType::Scalar:
        return Add(node, LeafType::kScalar);
      default:
        return Add(node, LeafType::kNull);
    }
  }

 private:
  absl::Status VisitMap(const YAML::Node& node) {
    if (node.size() == 0 && !keys_.empty()) return Add(node, LeafType::kEmptyMap);
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        return absl::InvalidArgumentError(absl::StrCat("line ", entry.first.Mark().line + 1, ": a key must be a text"));
      }
      keys_.push_back(entry.first.Scalar());
      const absl::Status status = Visit(entry.second);
      keys_.pop_back();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status Add(const YAML::Node& node, LeafType type) {
    if (keys_.empty()) return absl::InvalidArgumentError("the spec must be a mapping of fields to values");
    const bool scalar = type == LeafType::kScalar;
    const ScalarStyle style = scalar && node.Tag() == "!" ? ScalarStyle::kQuoted : ScalarStyle::kPlain;
    leaves.push_back({Join(keys_), type, scalar ? node.Scalar() : std::string(), style, node.Mark().line + 1});
    return absl::OkStatus();
  }

  std::vector<std::string> keys_;
};

// Deepest run of open brackets, strings not looked at: an upper bound for how deep a parser can recurse on flow style.
std::size_t Nesting(const std::string& text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (const char c : text) {
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return deepest;
}

absl::Status CheckText(const std::string& text) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the spec has ", text.size(), " bytes; at most ", kMaxBytes, " are read"));
  }
  if (!IsUtf8(text)) return absl::InvalidArgumentError("the spec is not UTF-8 text");
  if (text.find('\0') != std::string::npos) return absl::InvalidArgumentError("the spec has a zero byte");
  if (Nesting(text) > kMaxNesting) return absl::InvalidArgumentError("nested too deeply");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Leaf>> ReadYamlLeaves(const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      return absl::InvalidArgumentError(absl::StrCat(documents.size(), " YAML documents in one text; a spec is one"));
    }
    if (documents.empty() || documents[0].IsNull()) return std::vector<Leaf>();
    YamlFlattener flattener;
    if (absl::Status status = flattener.Visit(documents[0]); !status.ok()) return status;
    return std::move(flattener.leaves);
  } catch (const YAML::Exception& e) {
    if (e.mark.is_null()) return absl::InvalidArgumentError(e.msg);
    return absl::InvalidArgumentError(
        absl::StrCat("line ", e.mark.line + 1, ", column ", e.mark.column + 1, ": ", e.msg));
  }
}

}  // namespace

absl::StatusOr<std::vector<Leaf>> ReadJsonLeaves(const std::string& text) {
  if (absl::Status status = CheckText(text); !status.ok()) return status;
  JsonFlattener flattener;
  if (!nlohmann::json::sax_parse(text, &flattener)) return absl::InvalidArgumentError(flattener.error);
  return std::move(flattener.leaves);
}

absl::StatusOr<std::vector<Leaf>> ReadLeaves(const std::string& text) {
  if (absl::Status status = CheckText(text); !status.ok()) return status;
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
  if (!start.empty() && start[0] == '{') {
    // JSON is read as JSON, for its escapes; what only looks like it may still be YAML in flow style.
    if (auto leaves = ReadJsonLeaves(text); leaves.ok()) return leaves;
  }
  return ReadYamlLeaves(text);
}

}  // namespace amaes
