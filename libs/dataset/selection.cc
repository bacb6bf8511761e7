#include "libs/dataset/selection.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

using Problems = std::vector<SelectionProblem>;
using Entries = std::vector<const CatalogueEntry*>;

constexpr std::size_t kValuesShown = 8;

Entries EntriesOf(const DatasetVersion& version, Split split) {
  Entries entries;
  for (const std::int64_t i : version.Indices(split)) entries.push_back(&version.entries[static_cast<std::size_t>(i)]);
  return entries;
}

// What stands in the catalogue under a key that names no person and no file.
std::string ValuesOf(const std::string& key, const Entries& entries) {
  std::set<std::string> values;
  for (const CatalogueEntry* entry : entries) {
    if (key == "modality") values.insert(entry->modality);
    if (key == "collection" && !entry->collection.empty()) values.insert(entry->collection);
    if (key == "flag") values.insert(entry->flags.begin(), entry->flags.end());
  }
  if (values.empty()) return "";
  std::vector<std::string> shown;
  for (const std::string& value : values) {
    if (shown.size() < kValuesShown) shown.push_back(value);
  }
  if (values.size() > kValuesShown) shown.push_back(absl::StrCat(values.size() - kValuesShown, " more"));
  return absl::StrCat(" (there are ", absl::StrJoin(shown, ", "), ")");
}

std::string WhatWasRemoved(const EntryFilter& filter, const Entries& all) {
  Entries left = all;
  std::vector<std::string> parts;
  for (const FilterTerm& term : filter.terms()) {
    Entries kept;
    std::copy_if(left.begin(), left.end(), std::back_inserter(kept), [&](const auto* e) { return term.Holds(*e); });
    parts.push_back(absl::StrCat(term.text, " removes ", left.size() - kept.size(), " of ", left.size(),
                                 kept.empty() && !left.empty() ? ValuesOf(term.key, left) : ""));
    left = std::move(kept);
  }
  return absl::StrJoin(parts, "; ");
}

// A rule that applies to no volume is a mistake that nobody would see.
void CheckRules(const std::vector<RepeatRule>& rules, const std::vector<std::int64_t>& applied, const Entries& training,
                const std::vector<std::int64_t>& volumes, Problems& problems) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (applied[i] > 0) continue;
    const bool matches = std::any_of(volumes.begin(), volumes.end(), [&](std::int64_t v) {
      return rules[i].filter.Matches(*training[static_cast<std::size_t>(v)]);
    });
    problems.push_back(
        {"repeats", absl::StrCat(rules[i].text, ": ",
                                 matches ? "rules before it apply to all of its volumes"
                                         : absl::StrCat("applies to none of the ", volumes.size(), " volumes"))});
  }
}

std::string Digest(const std::string& version_digest, const Entries& training, const Selection& selection) {
  Sha256 sha;
  sha.Update(absl::StrCat("amaes-selection/1\n", version_digest, "\n"));
  for (std::size_t i = 0; i < selection.volumes.size(); ++i) {
    const std::int64_t volume = selection.volumes[i];
    sha.Update(absl::StrCat(volume, " ", selection.Repeats(i), " ",
                            training[static_cast<std::size_t>(volume)]->voxel_digest, "\n"));
  }
  return sha.Finish();
}

void SelectHeldOut(const DatasetVersion& version, const EntryFilter& filter, Selection& out) {
  const Entries entries = EntriesOf(version, Split::kHeldOut);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (filter.Matches(*entries[i])) out.held_out.push_back(static_cast<std::int64_t>(i));
  }
  out.filter_left_no_held_out = out.held_out.empty() && !entries.empty();
  if (!out.filter_left_no_held_out) return;
  for (std::size_t i = 0; i < entries.size(); ++i) out.held_out.push_back(static_cast<std::int64_t>(i));
}

struct Parsed {
  EntryFilter filter;
  std::vector<RepeatRule> rules;
};

Problems Parse(const std::string& filter, const std::string& repeats, Parsed& out) {
  Problems problems;
  absl::StatusOr<EntryFilter> parsed = EntryFilter::Parse(filter);
  absl::StatusOr<std::vector<RepeatRule>> rules = ParseRepeats(repeats);
  if (!parsed.ok()) problems.push_back({"filter", std::string(parsed.status().message())});
  if (!rules.ok()) problems.push_back({"repeats", std::string(rules.status().message())});
  if (problems.empty()) out = {*std::move(parsed), *std::move(rules)};
  return problems;
}

void CheckKeys(const EntryFilter& filter, const char* field, const DatasetVersion& version, Problems& problems) {
  const absl::Status status = filter.CheckKeys(version.entries);
  if (!status.ok()) problems.push_back({field, std::string(status.message())});
}

}  // namespace

std::int64_t Selection::VolumeAt(std::int64_t place) const {
  AMAES_CHECK(place >= 0 && place < size());
  if (size() == static_cast<std::int64_t>(volumes.size())) return volumes[static_cast<std::size_t>(place)];
  return volumes[static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), place) - ends.begin())];
}

Problems CheckSelection(const std::string& filter, const std::string& repeats) {
  Parsed unused;
  return Parse(filter, repeats, unused);
}

Problems ResolveSelection(const DatasetVersion& version, const std::string& filter, const std::string& repeats,
                          Selection& out) {
  Parsed parsed;
  Problems problems = Parse(filter, repeats, parsed);
  if (!problems.empty()) return problems;
  CheckKeys(parsed.filter, "filter", version, problems);
  for (const RepeatRule& rule : parsed.rules) CheckKeys(rule.filter, "repeats", version, problems);
  if (!problems.empty()) return problems;
  const Entries training = EntriesOf(version, Split::kTrain);
  std::vector<std::int64_t> applied(parsed.rules.size());
  out = {};
  for (std::size_t i = 0; i < training.size(); ++i) {
    if (!parsed.filter.Matches(*training[i])) continue;
    const auto rule = std::find_if(parsed.rules.begin(), parsed.rules.end(),
                                   [&](const RepeatRule& r) { return r.filter.Matches(*training[i]); });
    if (rule != parsed.rules.end()) ++applied[static_cast<std::size_t>(rule - parsed.rules.begin())];
    out.volumes.push_back(static_cast<std::int64_t>(i));
    out.ends.push_back(out.size() + (rule == parsed.rules.end() ? 1 : rule->times));
  }
  if (out.volumes.empty() && !parsed.filter.terms().empty()) {
    problems.push_back({"filter", absl::StrCat("leaves none of the ", training.size(),
                                               " training volumes: ", WhatWasRemoved(parsed.filter, training))});
    return problems;
  }
  CheckRules(parsed.rules, applied, training, out.volumes, problems);
  SelectHeldOut(version, parsed.filter, out);
  if (!parsed.filter.terms().empty() || !parsed.rules.empty()) out.digest = Digest(version.digest, training, out);
  return problems;
}

absl::StatusOr<Selection> ResolveSelection(const DatasetVersion& version, const std::string& filter,
                                           const std::string& repeats) {
  Selection out;
  const Problems problems = ResolveSelection(version, filter, repeats, out);
  if (problems.empty()) return out;
  return absl::InvalidArgumentError(absl::StrJoin(problems, "; ", [](std::string* text, const SelectionProblem& p) {
    absl::StrAppend(text, "dataset.", p.field, ": ", p.message);
  }));
}

SelectedStream::SelectedStream(std::uint64_t seed, const std::string& dataset_digest, Selection selection)
    : selection_(std::move(selection)),
      stream_(seed, selection_.digest.empty() ? dataset_digest : selection_.digest, selection_.size()) {}

}  // namespace amaes
