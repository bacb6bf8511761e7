// The field table says which fields there are; a field lies in the message of its kind under its dotted path.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/log.h"
#include "libs/rpc/convert.h"
#include "libs/spec/fields.h"

namespace amaes {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr JobKind kKinds[] = {JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest};

const FieldDescriptor& Member(const Message& message, const std::string& name) {
  const FieldDescriptor* member = message.GetDescriptor()->FindFieldByName(name);
  AMAES_CHECK(member != nullptr);
  return *member;
}

// The message that holds the last part of a path, and that part. `kind`, `name`, `priority` and `after` lie beside the kind's message.
bool IsCommon(const Field& field) {
  return field.path == "kind" || field.path == "name" || field.path == "priority" || field.path == "after";
}

std::vector<std::string> PathOf(const Field& field, JobKind kind) {
  std::vector<std::string> parts = absl::StrSplit(field.path, '.');
  if (!IsCommon(field)) parts.insert(parts.begin(), JobKindName(kind));
  return parts;
}

void Put(const JobSpec& spec, const Field& field, Message* message) {
  const std::vector<std::string> path = PathOf(field, spec.kind);
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    message = message->GetReflection()->MutableMessage(message, &Member(*message, path[i]));
  }
  const FieldDescriptor& member = Member(*message, path.back());
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  const FieldRef ref = field.at(const_cast<JobSpec&>(spec));
  if (const auto* text = std::get_if<std::string*>(&ref)) {
    reflection.SetString(message, &member, **text);
  } else if (const auto* shape = std::get_if<Shape3*>(&ref)) {
    reflection.SetString(message, &member, ShapeText(**shape));
  } else if (const auto* number = std::get_if<std::int64_t*>(&ref)) {
    if (member.cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      reflection.SetInt32(message, &member, static_cast<std::int32_t>(**number));
    } else {
      reflection.SetInt64(message, &member, **number);
    }
  } else if (const auto* seed = std::get_if<std::uint64_t*>(&ref)) {
    reflection.SetUInt64(message, &member, **seed);
  } else if (const auto* real = std::get_if<double*>(&ref)) {
    reflection.SetDouble(message, &member, **real);
  } else if (const auto* flag = std::get_if<bool*>(&ref)) {
    reflection.SetBool(message, &member, **flag);
  } else {
    reflection.SetEnumValue(message, &member, ToProto(spec.kind));
  }
}

// What is wrong with the value, or "". A value that is not there (of `optional` fields: not set; of others: zero) keeps the default.
std::string Take(const Message* message, const Field& field, JobSpec& spec) {
  const std::vector<std::string> path = PathOf(field, spec.kind);
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    message = &message->GetReflection()->GetMessage(*message, &Member(*message, path[i]));
  }
  const FieldDescriptor& member = Member(*message, path.back());
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  const FieldRef ref = field.at(spec);
  if (!reflection.HasField(*message, &member)) return "";
  if (const auto* text = std::get_if<std::string*>(&ref)) {
    **text = reflection.GetString(*message, &member);
  } else if (const auto* shape = std::get_if<Shape3*>(&ref)) {
    const std::string value = reflection.GetString(*message, &member);
    if (!ParseShape(value, **shape)) return absl::StrCat("\"", value, "\" is not ", FieldAllowed(field));
  } else if (const auto* number = std::get_if<std::int64_t*>(&ref)) {
    **number = member.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ? reflection.GetInt32(*message, &member)
                                                                   : reflection.GetInt64(*message, &member);
  } else if (const auto* seed = std::get_if<std::uint64_t*>(&ref)) {
    **seed = reflection.GetUInt64(*message, &member);
  } else if (const auto* real = std::get_if<double*>(&ref)) {
    **real = reflection.GetDouble(*message, &member);
  } else if (const auto* flag = std::get_if<bool*>(&ref)) {
    **flag = reflection.GetBool(*message, &member);
  }
  return "";
}

}  // namespace

ParsedSpec ToJobSpec(const v1::JobSpec& proto) {
  ParsedSpec out;
  out.spec.kind = ToJobKind(proto.kind());
  if (!v1::JobKind_IsValid(proto.kind())) {
    out.problems.push_back({"kind", absl::StrCat("unknown kind ", static_cast<int>(proto.kind()), "; ",
                                                 FieldAllowed(SpecFields().front()))});
  }
  for (const JobKind kind : kKinds) {
    if (kind == out.spec.kind || !proto.GetReflection()->HasField(proto, &Member(proto, JobKindName(kind)))) continue;
    out.problems.push_back({"kind", absl::StrCat("is ", JobKindName(out.spec.kind), ", but the fields of ",
                                                 JobKindName(kind), " are set")});
  }
  for (const Field& field : SpecFields()) {
    if (!field.kinds.contains(out.spec.kind)) continue;
    std::string wrong = Take(&proto, field, out.spec);
    if (!wrong.empty()) out.problems.push_back({field.path, std::move(wrong)});
  }
  return out;
}

v1::JobSpec ToProto(const JobSpec& spec) {
  v1::JobSpec out;
  for (const Field& field : SpecFields()) {
    if (field.kinds.contains(spec.kind)) Put(spec, field, &out);
  }
  return out;
}

v1::SpecEstimate ToProto(const SpecEstimate& estimate) {
  v1::SpecEstimate out;
  out.set_parameters(estimate.parameters);
  out.set_memory_per_worker_bytes(estimate.memory_per_worker_bytes);
  out.set_checkpoint_bytes(estimate.checkpoint_bytes);
  out.set_disk_bytes(estimate.disk_bytes);
  out.set_flops_per_sample(estimate.flops_per_sample);
  out.set_seconds(estimate.seconds);
  out.set_basis(estimate.basis);
  return out;
}

SpecEstimate ToSpecEstimate(const v1::SpecEstimate& proto) {
  return {proto.parameters(), proto.memory_per_worker_bytes(), proto.checkpoint_bytes(),
          proto.disk_bytes(), proto.flops_per_sample(),        proto.seconds(),
          proto.basis()};
}

}  // namespace amaes
