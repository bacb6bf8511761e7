#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/nearest.h"
#include "libs/spec/fields.h"
#include "libs/spec/leaves.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

std::string AtLine(const Leaf& leaf) { return leaf.line > 0 ? absl::StrCat(" (line ", leaf.line, ")") : ""; }

// Fields below a group, e.g. of "optimizer".
std::vector<std::string> FieldsOfGroup(absl::string_view group, JobKind kind) {
  std::vector<std::string> out;
  for (const Field& field : SpecFields()) {
    if (field.kinds.contains(kind) && absl::StartsWith(field.path, absl::StrCat(group, "."))) out.push_back(field.path);
  }
  return out;
}

// A group given as one value stands for its name: `dataset: x`, `network: unet_b`.
std::string ExpandShorthand(const Leaf& leaf, JobKind kind) {
  const std::string name = absl::StrCat(leaf.path, ".name");
  return leaf.type == LeafType::kScalar && FindField(name, kind) != nullptr ? name : leaf.path;
}

std::string UnknownField(const Leaf& leaf, JobKind kind) {
  const auto is_other = [&](const Field& field) { return field.path == leaf.path; };
  const auto other = std::find_if(SpecFields().begin(), SpecFields().end(), is_other);
  std::vector<KnownName> known;
  for (const Field& field : SpecFields()) {
    if (field.kinds.contains(kind)) known.push_back({field.path, field.also});
  }
  const std::string nearest = NearestName(leaf.path, known);
  std::string out = other != SpecFields().end() ? absl::StrCat("is a field of kind ", JobKindName(FirstKind(*other)),
                                                               ", and this job's kind is ", JobKindName(kind))
                                                : "unknown field";
  if (!nearest.empty()) absl::StrAppend(&out, "; did you mean ", nearest, "?");
  return out;
}

// What is wrong with a leaf, or "" once it is in `spec`.
std::string Apply(const Leaf& leaf, const std::string& path, JobSpec& spec, JobKind kind) {
  const Field* field = FindField(path, kind);
  if (field == nullptr) {
    const std::vector<std::string> group = FieldsOfGroup(path, kind);
    if (group.empty()) return UnknownField(leaf, kind);
    if (leaf.type == LeafType::kNull || leaf.type == LeafType::kEmptyMap) return "";
    return absl::StrCat("is a group of fields: ", absl::StrJoin(group, ", "));
  }
  switch (leaf.type) {
    case LeafType::kNull:
      return "";
    case LeafType::kList:
      return absl::StrCat("a list is not ", FieldAllowed(*field));
    case LeafType::kEmptyMap:
      return absl::StrCat("an empty mapping is not ", FieldAllowed(*field));
    case LeafType::kScalar:
      return std::string(SetField(*field, leaf.text, leaf.style, spec).message());
  }
  return "";
}

// The kind decides which fields there are, so it is looked for first; the last one given counts.
JobKind FindKind(const std::vector<Leaf>& leaves) {
  JobSpec spec;
  const Field& field = *FindField("kind", spec.kind);
  for (const Leaf& leaf : leaves) {
    if (leaf.path == "kind" && leaf.type == LeafType::kScalar) (void)SetField(field, leaf.text, leaf.style, spec);
  }
  return spec.kind;
}

// Leaves of one text or assignment; later layers win over earlier ones.
struct Layer {
  std::vector<Leaf> leaves;
};

std::vector<Layer> ReadAssignments(const std::vector<std::string>& assignments, std::vector<SpecProblem>& problems) {
  std::vector<Layer> layers;
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      problems.push_back({assignment, "an assignment is KEY=VALUE, e.g. optimizer.learning_rate=1e-4"});
      continue;
    }
    layers.push_back(
        {{{assignment.substr(0, equals), LeafType::kScalar, assignment.substr(equals + 1), ScalarStyle::kPlain, 0}}});
  }
  return layers;
}

void ApplyLayer(const Layer& layer, JobKind kind, ParsedSpec& out) {
  std::set<std::string> seen;
  for (const Leaf& leaf : layer.leaves) {
    const std::string path = ExpandShorthand(leaf, kind);
    if (!seen.insert(path).second) {
      out.problems.push_back({path, absl::StrCat("given twice", AtLine(leaf))});
      continue;
    }
    const std::string wrong = Apply(leaf, path, out.spec, kind);
    if (!wrong.empty()) out.problems.push_back({path, absl::StrCat(wrong, AtLine(leaf))});
  }
}

}  // namespace

ParsedSpec ParseSpecLayers(const std::vector<std::string>& texts, const std::vector<std::string>& assignments) {
  ParsedSpec out;
  std::vector<Layer> layers;
  for (const std::string& text : texts) {
    absl::StatusOr<std::vector<Leaf>> leaves = ReadLeaves(text);
    if (leaves.ok()) {
      layers.push_back({*std::move(leaves)});
    } else {
      out.problems.push_back({"", std::string(leaves.status().message())});
    }
  }
  for (Layer& layer : ReadAssignments(assignments, out.problems)) layers.push_back(std::move(layer));
  std::vector<Leaf> all;
  for (const Layer& layer : layers) all.insert(all.end(), layer.leaves.begin(), layer.leaves.end());
  const JobKind kind = FindKind(all);
  out.spec.kind = kind;
  for (const Layer& layer : layers) ApplyLayer(layer, kind, out);
  return out;
}

ParsedSpec ParseSpec(const std::string& text, const std::vector<std::string>& assignments) {
  return ParseSpecLayers({text}, assignments);
}

absl::StatusOr<JobSpec> SpecFromCompleteJson(const std::string& json) {
  absl::StatusOr<std::vector<Leaf>> leaves = ReadJsonLeaves(json);
  if (!leaves.ok()) return absl::InvalidArgumentError(absl::StrCat("job spec: ", leaves.status().message()));
  const JobKind kind = FindKind(*leaves);
  JobSpec spec;
  spec.kind = kind;
  std::vector<std::string> problems;
  std::set<std::string> seen;
  for (const Leaf& leaf : *leaves) {
    if (!seen.insert(leaf.path).second) problems.push_back(absl::StrCat(leaf.path, ": given twice"));
    const Field* field = FindField(leaf.path, kind);
    std::string wrong;
    if (field == nullptr) {
      wrong = UnknownField(leaf, kind);
    } else if (leaf.type != LeafType::kScalar) {
      wrong = absl::StrCat("null, list or mapping where ", FieldAllowed(*field), " belongs");
    } else {
      wrong = std::string(SetField(*field, leaf.text, leaf.style, spec).message());
    }
    if (!wrong.empty()) problems.push_back(absl::StrCat(leaf.path, ": ", wrong));
  }
  for (const Field& field : SpecFields()) {
    if (field.kinds.contains(kind) && !seen.contains(field.path))
      problems.push_back(absl::StrCat(field.path, ": missing"));
  }
  if (problems.empty()) return spec;
  return absl::InvalidArgumentError(absl::StrCat("job spec: ", absl::StrJoin(problems, "; ")));
}

}  // namespace amaes
