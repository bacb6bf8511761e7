// Values of fields: from text, to JSON, against their range.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/spec/fields.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using Json = nlohmann::ordered_json;

std::string Quoted(absl::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The accessors of the table only make a pointer, so reading through one does not write.
FieldRef Ref(const Field& field, const JobSpec& spec) { return field.at(const_cast<JobSpec&>(spec)); }

// What a field's alternative of FieldRef points to.
template <typename Pointer>
using Pointee = std::remove_pointer_t<std::decay_t<Pointer>>;

Json ToJson(const Field& field, const JobSpec& spec) {
  return std::visit(
      [](auto* value) -> Json {
        if constexpr (std::is_same_v<Pointee<decltype(value)>, JobKind>) {
          return JobKindName(*value);
        } else if constexpr (std::is_same_v<Pointee<decltype(value)>, Shape3>) {
          const Shape3& shape = *value;
          return shape == Cube(shape[0]) ? Json(shape[0]) : Json(ShapeText(shape));
        } else {
          return *value;
        }
      },
      Ref(field, spec));
}

std::string Number(double value) { return Json(value).dump(); }

std::string Bound(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? absl::StrCat(static_cast<std::int64_t>(value))
                                                              : Number(value);
}

std::string RangeText(const FieldRange& range) {
  if (!range.low_open && !range.high_open) return absl::StrCat("from ", Bound(range.low), " to ", Bound(range.high));
  return absl::StrCat(range.low_open ? "above " : "from ", Bound(range.low),
                      range.high_open ? ", below " : ", at most ", Bound(range.high));
}

std::string ChoicesText(const std::vector<std::string>& choices) {
  if (choices.size() == 1) return choices[0];
  const std::vector<std::string> head(choices.begin(), choices.end() - 1);
  return absl::StrCat(absl::StrJoin(head, ", "), " or ", choices.back());
}

bool FromText(absl::string_view text, std::string& out) {
  out = std::string(text);
  return true;
}
bool FromText(absl::string_view text, std::int64_t& out) { return absl::SimpleAtoi(text, &out); }
bool FromText(absl::string_view text, std::uint64_t& out) { return absl::SimpleAtoi(text, &out); }
bool FromText(absl::string_view text, double& out) { return absl::SimpleAtod(text, &out) && std::isfinite(out); }
bool FromText(absl::string_view text, bool& out) {
  out = text == "true";
  return out || text == "false";
}
bool FromText(absl::string_view text, Shape3& out) { return ParseShape(std::string(text), out); }
bool FromText(absl::string_view text, JobKind& out) {
  for (const JobKind kind : {JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest}) {
    if (text != JobKindName(kind)) continue;
    out = kind;
    return true;
  }
  return false;
}

}  // namespace

const char* JobKindName(JobKind kind) {
  switch (kind) {
    case JobKind::kPretrain:
      return "pretrain";
    case JobKind::kFinetune:
      return "finetune";
    case JobKind::kEvaluate:
      return "evaluate";
    case JobKind::kIngest:
      return "ingest";
  }
  return "";
}

std::string FieldTypeName(const Field& field) {
  JobSpec spec;
  return std::visit(
      [](auto* value) -> std::string {
        using T = Pointee<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>) {
          return "true or false";
        } else if constexpr (std::is_same_v<T, double>) {
          return "number";
        } else if constexpr (std::is_integral_v<T>) {
          return "whole number";
        } else if constexpr (std::is_same_v<T, Shape3>) {
          return "shape";
        } else {
          return "text";
        }
      },
      field.at(spec));
}

std::string FieldAllowed(const Field& field) {
  JobSpec spec;
  if (!field.choices.empty()) return ChoicesText(field.choices);
  const FieldRef ref = field.at(spec);
  if (std::holds_alternative<bool*>(ref)) return "true or false";
  if (std::holds_alternative<std::uint64_t*>(ref)) return "a whole number from 0 to 18446744073709551615";
  if (std::holds_alternative<std::string*>(ref)) return "a text";
  if (std::holds_alternative<Shape3*>(ref)) {
    return absl::StrCat("a whole number ", RangeText(field.range), ", or three of them such as 96x96x24");
  }
  return absl::StrCat("a ", FieldTypeName(field), " ", RangeText(field.range), field.automatic ? ", or auto" : "");
}

std::string FieldValueJson(const Field& field, const JobSpec& spec) {
  return ToJson(field, spec).dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status SetField(const Field& field, absl::string_view text, ScalarStyle style, JobSpec& spec) {
  if (field.automatic && text == "auto" && style != ScalarStyle::kJsonLiteral)
    return SetField(field, absl::StrCat(*field.automatic), ScalarStyle::kPlain, spec);
  const bool ok = std::visit(
      [&](auto* value) {
        using T = Pointee<decltype(value)>;
        constexpr bool kIsText = std::is_same_v<T, std::string> || std::is_same_v<T, JobKind>;
        constexpr bool kIsShape = std::is_same_v<T, Shape3>;
        if (style == ScalarStyle::kQuoted && !kIsText && !kIsShape) return false;
        if (style == ScalarStyle::kJsonLiteral && kIsText) return false;
        T parsed{};
        if (!FromText(text, parsed)) return false;
        *value = std::move(parsed);
        return true;
      },
      field.at(spec));
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(style == ScalarStyle::kQuoted ? Quoted(text) : std::string(text), " is not ", FieldAllowed(field)));
}

std::string CheckFieldRange(const Field& field, const JobSpec& spec) {
  const Json value = ToJson(field, spec);
  bool ok = true;
  const FieldRange& range = field.range;
  // Written so that NaN is out of range.
  const auto inside = [&](double number) {
    return (range.low_open ? number > range.low : number >= range.low) &&
           (range.high_open ? number < range.high : number <= range.high);
  };
  if (!field.choices.empty()) {
    ok = std::find(field.choices.begin(), field.choices.end(), value.get<std::string>()) != field.choices.end();
  } else if (const FieldRef ref = Ref(field, spec); std::holds_alternative<Shape3*>(ref)) {
    const Shape3& shape = *std::get<Shape3*>(ref);
    ok = std::all_of(shape.begin(), shape.end(), [&](std::int64_t side) { return inside(static_cast<double>(side)); });
  } else if (value.is_number() && !std::holds_alternative<std::uint64_t*>(ref)) {
    ok = inside(value.get<double>());
  }
  if (ok) return "";
  return absl::StrCat(FieldValueJson(field, spec), " is not ", FieldAllowed(field));
}

}  // namespace amaes
