#include "libs/dataset/cases.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/grid.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/selection_filter.h"

namespace amaes {
namespace {

constexpr char kRole[] = "label";
constexpr std::size_t kKeyDigits = 12;
constexpr std::size_t kCasesShown = 3;

std::string KeyOf(const CatalogueEntry& entry) { return entry.volume.substr(0, kKeyDigits); }

// Which companion is the label: none, one, or too many.
absl::StatusOr<std::int64_t> FindLabel(const CatalogueEntry& entry) {
  std::int64_t found = -1;
  for (std::size_t i = 0; i < entry.companions.size(); ++i) {
    if (entry.companions[i].role != kRole) continue;
    if (found >= 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("volume ", KeyOf(entry), " has more than one label map; ingest one of them with it"));
    }
    found = static_cast<std::int64_t>(i);
  }
  return found;
}

bool IsModality(const CatalogueEntry& entry, const std::string& wanted) {
  if (absl::EqualsIgnoreCase(entry.modality, wanted)) return true;
  const std::string usual = ModalityOf(wanted);
  return !usual.empty() && absl::EqualsIgnoreCase(entry.modality, usual);
}

// Names some of them: "a, b, c and 4 more".
std::string Some(const std::vector<std::string>& keys) {
  const std::vector<std::string> shown(keys.begin(), keys.begin() + std::min(keys.size(), kCasesShown));
  const std::string names = absl::StrJoin(shown, ", ");
  return keys.size() > shown.size() ? absl::StrCat(names, " and ", keys.size() - shown.size(), " more") : names;
}

using Group = std::vector<std::int64_t>;  // indices of entries

class CaseFinder {
 public:
  CaseFinder(const DatasetVersion& version, const CaseOptions& options) : version_(version), options_(options) {}

  absl::StatusOr<LabelledCases> Run() {
    AMAES_ASSIGN_OR_RETURN(const EntryFilter filter, EntryFilter::Parse(options_.filter));
    AMAES_RETURN_IF_ERROR(filter.CheckKeys(version_.entries));
    std::vector<std::int64_t> entries;
    for (std::size_t i = 0; i < version_.entries.size(); ++i) {
      if (filter.Matches(version_.entries[i])) entries.push_back(static_cast<std::int64_t>(i));
    }
    out_.channels = std::max<std::int64_t>(1, static_cast<std::int64_t>(options_.channels.size()));
    for (const Group& group : Groups(entries)) AMAES_RETURN_IF_ERROR(Take(group));
    AMAES_RETURN_IF_ERROR(Note(entries.size()));
    Divide();
    AMAES_RETURN_IF_ERROR(TakeFew());
    out_.digest = Digest();
    return std::move(out_);
  }

 private:
  const CatalogueEntry& Entry(std::int64_t index) const { return version_.entries[static_cast<std::size_t>(index)]; }
  const std::string& SubjectOf(const LabelledCase& one) const { return Entry(one.channels[0].entry).subject; }

  // Volumes of one case, the cases in the order of their first volume.
  std::vector<Group> Groups(const std::vector<std::int64_t>& entries) const {
    std::vector<Group> groups;
    std::map<std::vector<std::string>, std::size_t> places;
    for (const std::int64_t index : entries) {
      const CatalogueEntry& entry = Entry(index);
      const std::vector<std::string> name =
          options_.channels.empty() ? std::vector<std::string>{entry.volume, absl::StrCat(index)}
          : entry.case_id.empty()   ? std::vector<std::string>{"", entry.subject, entry.session}
                                    : std::vector<std::string>{entry.subject, entry.case_id};
      const auto [place, fresh] = places.emplace(name, groups.size());
      if (fresh) groups.emplace_back();
      groups[place->second].push_back(index);
    }
    return groups;
  }

  // The volumes of the channels in order; empty when one is missing.
  absl::StatusOr<Group> Channels(const Group& group) {
    if (options_.channels.empty()) return group;
    Group out;
    for (const std::string& wanted : options_.channels) {
      Group fitting;
      std::copy_if(group.begin(), group.end(), std::back_inserter(fitting),
                   [&](std::int64_t i) { return IsModality(Entry(i), wanted); });
      if (fitting.empty()) {
        missing_[wanted].push_back(KeyOf(Entry(group[0])));
        return Group();
      }
      if (fitting.size() > 1) {
        return absl::FailedPreconditionError(absl::StrCat("case ", KeyOf(Entry(group[0])), " has ", fitting.size(),
                                                          " volumes of modality ", wanted,
                                                          ": narrow them with dataset.filter"));
      }
      out.push_back(fitting[0]);
    }
    return out;
  }

  absl::Status Take(const Group& group) {
    AMAES_ASSIGN_OR_RETURN(const Group channels, Channels(group));
    if (channels.empty()) return absl::OkStatus();
    const CatalogueEntry& first = Entry(channels[0]);
    LabelledCase one;
    one.key = KeyOf(first);
    one.shape = first.shape;
    bool labelled = false;
    for (const std::int64_t index : channels) {
      AMAES_ASSIGN_OR_RETURN(const CasePart part, Place(one, first, index));
      one.channels.push_back(part);
      AMAES_ASSIGN_OR_RETURN(const std::int64_t companion, FindLabel(Entry(index)));
      if (labelled || companion < 0) continue;
      labelled = true;
      one.label = part;  // a companion lies on the grid of its volume
      one.companion = static_cast<std::size_t>(companion);
    }
    if (labelled) {
      all_.push_back(std::move(one));
    } else {
      ++unlabelled_;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CasePart> Place(const LabelledCase& one, const CatalogueEntry& first, std::int64_t index) const {
    const CatalogueEntry& entry = Entry(index);
    if (&entry == &first) return CasePart{index, {0, 0, 0}};
    const auto refuse = [&](absl::string_view what, absl::string_view advice) {
      return absl::FailedPreconditionError(absl::StrCat("case ", one.key, ": channels ", first.modality, " and ",
                                                        entry.modality, ": ", what, "; ", advice));
    };
    if (first.affine == Affine{} || entry.affine == Affine{}) {
      return refuse("the catalogue does not know where their grids lie", "ingest the dataset again");
    }
    const absl::StatusOr<Shape3> offset = GridOffset(first.affine, one.shape, entry.affine);
    if (!offset.ok()) {
      return refuse(offset.status().message(),
                    "bring the scans of a case to one grid before the ingest, or ingest them with spacing: native");
    }
    return CasePart{index, *offset};
  }

  absl::Status Note(std::size_t volumes) {
    for (const auto& [wanted, keys] : missing_) {
      out_.notes.push_back(absl::StrCat(keys.size(), keys.size() == 1 ? " case has" : " cases have", " no ", wanted,
                                        " and ", keys.size() == 1 ? "is" : "are", " left out: ", Some(keys)));
    }
    if (unlabelled_ > 0) {
      out_.notes.push_back(absl::StrCat(unlabelled_, options_.channels.empty() ? " volumes" : " cases",
                                        " without a label map are left out"));
    }
    if (!all_.empty()) return absl::OkStatus();
    std::set<std::string> modalities;
    for (const CatalogueEntry& entry : version_.entries) modalities.insert(entry.modality);
    return absl::FailedPreconditionError(
        absl::StrCat("no labelled case: of ", version_.entries.size(), " volumes ", volumes, " pass dataset.filter",
                     out_.notes.empty() ? "" : "; ", absl::StrJoin(out_.notes, "; "), "; modalities there are ",
                     absl::StrJoin(modalities, ", "),
                     ". Label maps come with an ingest (labels: true) of a layout that lists them"));
  }

  std::string Rank(const char* what, const std::string& of) const {
    return Sha256Hex(absl::StrCat("amaes-", what, "/1\n", options_.seed, "\n", of));
  }

  void Divide() {
    std::set<std::string> subjects;
    for (const LabelledCase& one : all_) {
      if (Entry(one.channels[0].entry).split == Split::kTrain) subjects.insert(SubjectOf(one));
    }
    std::vector<std::pair<std::string, std::string>> order;
    for (const std::string& subject : subjects) order.emplace_back(Rank("division", subject), subject);
    std::sort(order.begin(), order.end());
    const auto all = static_cast<double>(order.size());
    auto wanted = static_cast<std::size_t>(std::ceil(options_.validation_share * all));
    wanted = order.size() < 2 ? 0 : std::min(wanted, order.size() - 1);
    std::set<std::string> validation;
    for (std::size_t i = 0; i < wanted; ++i) validation.insert(order[i].second);
    for (LabelledCase& one : all_) {
      const bool test = Entry(one.channels[0].entry).split == Split::kHeldOut;
      (test ? out_.test : validation.contains(SubjectOf(one)) ? out_.validation : out_.train).push_back(std::move(one));
    }
    if (wanted == 0 && options_.validation_share > 0) {
      out_.notes.push_back("too few labelled subjects to keep one for validation: it uses training cases");
    }
  }

  absl::Status TakeFew() {
    const auto there = static_cast<std::int64_t>(out_.train.size());
    if (there == 0 && options_.for_training) {
      return absl::FailedPreconditionError(absl::StrCat("no labelled case to train on: ", out_.test.size(),
                                                        " are of held-out subjects, ", out_.validation.size(),
                                                        " are kept for validation"));
    }
    if (options_.train_cases == 0) return absl::OkStatus();
    if (options_.train_cases > there) {
      return absl::FailedPreconditionError(absl::StrCat(
          "dataset.train_cases: ", options_.train_cases, " are asked for, and there are ", there, ": ",
          out_.validation.size(), " more are kept for validation, ", out_.test.size(), " are of held-out subjects"));
    }
    std::vector<std::pair<std::string, std::size_t>> order;
    for (std::size_t i = 0; i < out_.train.size(); ++i) {
      const CatalogueEntry& entry = Entry(out_.train[i].channels[0].entry);
      order.emplace_back(Rank("few-shot", absl::StrCat(entry.voxel_digest, "\n", entry.subject)), i);
    }
    std::sort(order.begin(), order.end());
    order.resize(static_cast<std::size_t>(options_.train_cases));
    std::vector<std::size_t> taken;
    for (const auto& [rank, i] : order) taken.push_back(i);
    std::sort(taken.begin(), taken.end());
    std::vector<LabelledCase> few;
    for (const std::size_t i : taken) few.push_back(std::move(out_.train[i]));
    out_.train = std::move(few);
    return absl::OkStatus();
  }

  std::string Digest() const {
    Sha256 sha;
    sha.Update(absl::StrCat("amaes-cases/1\n", version_.digest, "\n"));
    for (const auto& [role, cases] : {std::pair{"train", &out_.train}, {"validation", &out_.validation}}) {
      for (const LabelledCase& one : *cases) {
        sha.Update(absl::StrCat(role, " ", LabelOf(version_, one).volume));
        for (const CasePart& part : one.channels) sha.Update(absl::StrCat(" ", Entry(part.entry).voxel_digest));
        sha.Update("\n");
      }
    }
    return sha.Finish();
  }

  const DatasetVersion& version_;
  const CaseOptions& options_;
  std::vector<LabelledCase> all_;
  std::map<std::string, std::vector<std::string>> missing_;  // by channel: keys of cases
  std::int64_t unlabelled_ = 0;
  LabelledCases out_;
};

}  // namespace

absl::StatusOr<LabelledCases> FindCases(const DatasetVersion& version, const CaseOptions& options) {
  return CaseFinder(version, options).Run();
}

const Companion& LabelOf(const DatasetVersion& version, const LabelledCase& labelled) {
  return version.entries[static_cast<std::size_t>(labelled.label.entry)].companions[labelled.companion];
}

std::vector<const Companion*> LabelsOf(const DatasetVersion& version, const LabelledCases& cases) {
  std::vector<const Companion*> labels;
  for (const auto* list : {&cases.train, &cases.validation}) {
    for (const LabelledCase& one : *list) labels.push_back(&LabelOf(version, one));
  }
  return labels;
}

absl::Status CheckLabelValues(const DatasetVersion& version, const LabelledCases& cases, const LabelSet& labels) {
  std::vector<std::string> wrong;
  for (const auto* list : {&cases.train, &cases.validation}) {
    for (const LabelledCase& one : *list) {
      const Companion& label = LabelOf(version, one);
      if (const std::string values = UndeclaredValues(labels, label.values); !values.empty()) {
        wrong.push_back(absl::StrCat(one.key, " has ", values));
      }
    }
  }
  if (wrong.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("label values outside the declared classes ", labels.ClassesText(), ": case ", Some(wrong),
                   "; declare them in labels.classes, or say in labels.background that they count as background"));
}

std::vector<std::string> AbsentClasses(const DatasetVersion& version, const LabelledCases& cases,
                                       const LabelSet& labels) {
  std::set<double> found;
  for (const LabelledCase& one : cases.train) {
    const Companion& label = LabelOf(version, one);
    if (label.values.empty()) return {};
    for (const LabelValue& value : label.values) found.insert(value.value);
  }
  std::vector<std::string> absent;
  for (const LabelClass& one : labels.classes) {
    const bool there = std::any_of(one.values.begin(), one.values.end(),
                                   [&](std::int64_t v) { return found.contains(static_cast<double>(v)); });
    if (!there) absent.push_back(one.name);
  }
  return absent;
}

}  // namespace amaes
