#include "services/coordinator/dataset_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"
#include "libs/spec/probe.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/dataset_witnesses.h"

namespace amaes {
namespace {

constexpr std::size_t kMaxReason = 500;
constexpr int kMaxListed = 500;

std::string At(const std::string& name, std::int64_t version) { return absl::StrCat(name, "@", version); }

absl::Status BadSelector(absl::string_view why) {
  return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_SELECTOR", why);
}

DatasetPlan NewPlan(const std::string& kind, const std::string& dataset, const std::string& reason) {
  DatasetPlan plan;
  plan.kind = kind;
  plan.dataset = dataset;
  plan.reason = reason;
  return plan;
}

VolumeSelector ToSelector(const v1::VolumeSelector& proto) {
  VolumeSelector out;
  out.subjects.assign(proto.subjects().begin(), proto.subjects().end());
  out.files.assign(proto.files().begin(), proto.files().end());
  out.volumes.assign(proto.volumes().begin(), proto.volumes().end());
  out.filter = proto.filter();
  return out;
}

absl::Status CheckReason(const std::string& reason) {
  if (!reason.empty() && reason.size() <= kMaxReason) return absl::OkStatus();
  return BadSelector(
      absl::StrCat("a reason of 1 to ", kMaxReason, " characters is needed; it is kept with the dataset"));
}

absl::Status NothingSelected(const std::string& name, const std::vector<std::string>& unmatched) {
  return ErrorWithReason(absl::StatusCode::kNotFound, "NOTHING_SELECTED",
                         absl::StrCat("dataset ", name, " has nothing that fits ", absl::StrJoin(unmatched, ", "),
                                      "; nothing was changed"),
                         {{"dataset", name}});
}

// Of one dataset, or ("") of all.
absl::StatusOr<std::vector<DatasetRecord>> AllVersions(Engine& engine, const std::string& name) {
  std::vector<DatasetRecord> out;
  std::string cursor;
  do {
    AMAES_ASSIGN_OR_RETURN(const Page<DatasetRecord> page, engine.store().ListDatasets(name, 1000, cursor));
    out.insert(out.end(), page.records.begin(), page.records.end());
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return out;
}

absl::StatusOr<std::vector<DatasetRecord>> LivingVersions(Engine& engine, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(std::vector<DatasetRecord> versions, AllVersions(engine, name));
  std::erase_if(versions, [](const DatasetRecord& record) { return record.is_retired(); });
  return versions;
}

absl::StatusOr<DatasetVersion> ReadRecorded(Engine& engine, const DatasetRecord& record) {
  return ReadCatalogue(record, engine.DatasetFolder(record.name, record.version));
}

// Stored files with their size.
using Files = std::map<std::string, std::int64_t>;

void AddFiles(const DatasetVersion& version, Files& out) {
  for (const CatalogueEntry& entry : version.entries) {
    out.emplace(entry.volume, entry.stored_bytes);
    for (const Companion& companion : entry.companions) out.emplace(companion.volume, companion.stored_bytes);
  }
}

// What of `candidates` nothing needs once the plan is done.
absl::Status PlanRemoval(Engine& engine, Files candidates, const DatasetVersion* next, DatasetPlan& plan,
                         v1::DatasetChange& out) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<DatasetRecord> living, LivingVersions(engine, ""));
  const auto keep = [&](const DatasetVersion& version, const std::string& name, bool tell) {
    Files needed;
    AddFiles(version, needed);
    for (auto it = candidates.begin(); it != candidates.end();) {
      if (!needed.contains(it->first)) {
        ++it;
        continue;
      }
      if (tell) {
        out.set_kept_volumes(out.kept_volumes() + 1);
        if (out.kept_size() < kMaxListed) {
          v1::DatasetChange::Kept* kept = out.add_kept();
          kept->set_volume(it->first);
          kept->set_needed_by(name);
        }
      }
      it = candidates.erase(it);
    }
  };
  if (next != nullptr) keep(*next, "", false);
  for (const DatasetRecord& record : living) {
    const bool retires =
        record.name == plan.dataset && std::count(plan.retire.begin(), plan.retire.end(), record.version) > 0;
    if (retires || candidates.empty()) continue;
    AMAES_ASSIGN_OR_RETURN(const DatasetVersion version, ReadRecorded(engine, record));
    keep(version, At(record.name, record.version), true);
  }
  std::int64_t bytes = 0;
  for (const auto& [volume, size] : candidates) {
    plan.remove.push_back(volume);
    bytes += size;
  }
  out.set_removed_volumes(static_cast<std::int64_t>(plan.remove.size()));
  out.set_removed_bytes(bytes);
  return absl::OkStatus();
}

absl::Status PlanVersion(Engine& engine, const DatasetVersion& base, const DatasetVersion& next, std::int64_t number,
                         DatasetPlan& plan, v1::DatasetChange& out) {
  if (next.entries.empty()) {
    return ErrorWithReason(
        absl::StatusCode::kFailedPrecondition, "DATASET_EMPTY",
        absl::StrCat("nothing of ", At(plan.dataset, number), " would be left; `amaes dataset rm` removes a dataset"),
        {{"dataset", plan.dataset}});
  }
  plan.base = number;
  plan.digest = next.digest;
  AMAES_ASSIGN_OR_RETURN(const std::int64_t last, engine.store().LastDatasetVersion(plan.dataset));
  out.set_base_version(number);
  out.set_version(last + 1);
  out.set_excluded_volumes(static_cast<std::int64_t>(base.entries.size() - next.entries.size()));
  return absl::OkStatus();
}

// Everything of `selected` that any version holds, once, with the versions that do.
class Selection {
 public:
  void Add(const DatasetVersion& version, std::int64_t number, const std::vector<std::size_t>& indices) {
    for (const std::size_t index : indices) {
      const CatalogueEntry& entry = version.entries[index];
      subjects_.insert(entry.subject);
      v1::DatasetChange::Selected& one = by_volume_[entry.volume];
      one.set_subject(entry.subject);
      one.set_source(entry.source);
      one.set_volume(entry.volume);
      one.add_versions(number);
    }
  }
  bool empty() const { return by_volume_.empty(); }
  const std::set<std::string>& subjects() const { return subjects_; }
  void Write(v1::DatasetChange& out) const {
    for (const auto& [volume, one] : by_volume_) {
      if (out.selected_size() < kMaxListed) *out.add_selected() = one;
    }
    out.set_selected_volumes(static_cast<std::int64_t>(by_volume_.size()));
    out.set_selected_subjects(static_cast<std::int64_t>(subjects_.size()));
  }

 private:
  std::map<std::string, v1::DatasetChange::Selected> by_volume_;
  std::set<std::string> subjects_;
};

// The selection in one version. Subjects that were excluded before are not missed.
absl::StatusOr<SelectedVolumes> Select(const DatasetVersion& version, const VolumeSelector& selector) {
  absl::StatusOr<SelectedVolumes> selected = SelectVolumes(version, selector);
  if (!selected.ok()) return BadSelector(selected.status().message());
  for (const std::string& subject : selector.subjects) {
    if (IsExcluded(version.exclusions, subject))
      std::erase(selected->unmatched, absl::StrCat("subject '", subject, "'"));
  }
  return selected;
}

// Jobs that trained on versions that are gone already.
absl::Status AddUnknownWitnesses(Engine& engine, const std::string& name, v1::DatasetChange& out) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<DatasetRecord> versions, AllVersions(engine, name));
  for (const DatasetRecord& record : versions) {
    if (!record.is_retired()) continue;
    AMAES_ASSIGN_OR_RETURN(const std::vector<v1::DatasetChange::Witness> witnesses,
                           UnknownWitnesses(engine, At(record.name, record.version)));
    for (const v1::DatasetChange::Witness& witness : witnesses) *out.add_witnesses() = witness;
  }
  return absl::OkStatus();
}

SeenVolumes SeenOf(const DatasetVersion& version, const std::vector<std::size_t>& indices) {
  const std::vector<std::int64_t> training = version.Indices(Split::kTrain);
  SeenVolumes seen;
  for (const std::size_t index : indices) {
    const auto place = std::lower_bound(training.begin(), training.end(), static_cast<std::int64_t>(index));
    if (place != training.end() && *place == static_cast<std::int64_t>(index)) {
      seen.training.insert(place - training.begin());
    } else {
      seen.held_out = true;
    }
  }
  return seen;
}

// Beside JobRecord::dataset: what the job's probe reads. "" = nothing.
std::string ProbeDatasetOf(const JobRecord& job) {
  const absl::StatusOr<JobSpec> spec = SpecFromCompleteJson(job.spec_json);
  if (!spec.ok() || !HasProbe(*spec)) return "";
  return At(spec->pretrain.probe.dataset, spec->pretrain.probe.version);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> JobsInUse(StoreReader& store, const std::string& dataset,
                                                   const std::vector<std::int64_t>& versions) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<JobRecord> live, store.LiveJobs());
  std::vector<std::string> jobs;
  for (const JobRecord& job : live) {
    const std::string probe = ProbeDatasetOf(job);
    const bool uses = std::any_of(versions.begin(), versions.end(), [&](std::int64_t version) {
      const std::string name = At(dataset, version);
      return job.dataset == name || probe == name;
    });
    if (uses) jobs.push_back(job.id.value);
  }
  return jobs;
}

absl::Status CheckNotInUse(const std::string& dataset, const std::vector<std::string>& jobs) {
  if (jobs.empty()) return absl::OkStatus();
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "VERSION_IN_USE",
                         absl::StrCat("dataset ", dataset, " is being used by ", absl::StrJoin(jobs, ", "),
                                      ": wait for the end, or cancel first"),
                         {{"dataset", dataset}, {"jobs", absl::StrJoin(jobs, ",")}});
}

absl::StatusOr<DatasetPlan> PlanExclude(Engine& engine, const v1::ChangeDatasetRequest& request, absl::Time now,
                                        v1::DatasetChange& out) {
  const VolumeSelector selector = ToSelector(request.selector());
  AMAES_RETURN_IF_ERROR(CheckReason(request.reason()));
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine.store(), request.name(), 0));
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion base, ReadRecorded(engine, record));
  AMAES_ASSIGN_OR_RETURN(const SelectedVolumes selected, Select(base, selector));
  if (!selected.unmatched.empty()) return NothingSelected(request.name(), selected.unmatched);
  DatasetPlan plan = NewPlan("exclude", request.name(), request.reason());
  out.set_name(request.name());
  Selection selection;
  selection.Add(base, record.version, selected.indices);
  selection.Write(out);
  if (selected.indices.empty()) {
    out.set_nothing_to_do(true);
    return plan;
  }
  plan.exclusions = ExclusionsFor(base, selector, selected.indices, request.reason(),
                                  absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone()));
  AMAES_RETURN_IF_ERROR(PlanVersion(engine, base, WithoutExcluded(base, plan.exclusions), record.version, plan, out));
  return plan;
}

absl::StatusOr<DatasetPlan> PlanForget(Engine& engine, const v1::ChangeDatasetRequest& request, absl::Time now,
                                       v1::DatasetChange& out) {
  const VolumeSelector selector = ToSelector(request.selector());
  AMAES_RETURN_IF_ERROR(CheckReason(request.reason()));
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord newest, FindDataset(engine.store(), request.name(), 0));
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion base, ReadRecorded(engine, newest));
  AMAES_ASSIGN_OR_RETURN(const std::vector<DatasetRecord> living, LivingVersions(engine, request.name()));
  DatasetPlan plan = NewPlan("forget", request.name(), request.reason());
  out.set_name(request.name());
  Selection selection;
  Files candidates;
  std::map<std::string, int> unmatched;  // part to the number of versions where it fits nothing
  const std::string time = absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone());
  for (const DatasetRecord& record : living) {
    AMAES_ASSIGN_OR_RETURN(const DatasetVersion version, ReadRecorded(engine, record));
    AMAES_ASSIGN_OR_RETURN(const SelectedVolumes selected, Select(version, selector));
    for (const std::string& part : selected.unmatched) ++unmatched[part];
    if (selected.indices.empty()) continue;
    selection.Add(version, record.version, selected.indices);
    plan.retire.push_back(record.version);
    AddFiles(version, candidates);
    for (Exclusion& added : ExclusionsFor(version, selector, selected.indices, request.reason(), time)) {
      const auto same = [&](const Exclusion& known) { return known.kind == added.kind && known.value == added.value; };
      const bool known = std::any_of(plan.exclusions.begin(), plan.exclusions.end(), same) ||
                         std::any_of(base.exclusions.begin(), base.exclusions.end(), same);
      if (!known) plan.exclusions.push_back(std::move(added));
    }
    AMAES_ASSIGN_OR_RETURN(const std::vector<v1::DatasetChange::Witness> witnesses,
                           FindWitnesses(engine, At(record.name, record.version), SeenOf(version, selected.indices)));
    for (const v1::DatasetChange::Witness& witness : witnesses) *out.add_witnesses() = witness;
  }
  std::vector<std::string> nowhere;
  for (const auto& [part, count] : unmatched) {
    if (count == static_cast<int>(living.size())) nowhere.push_back(part);
  }
  if (!nowhere.empty()) return NothingSelected(request.name(), nowhere);
  for (const std::string& subject : selection.subjects()) {
    if (!subject.empty() && absl::StrContains(request.reason(), subject)) {
      return BadSelector("the reason names a subject that is to be forgotten; the reason is kept");
    }
  }
  std::sort(plan.retire.begin(), plan.retire.end());
  selection.Write(out);
  if (selection.empty()) {
    out.set_nothing_to_do(true);
    return plan;
  }
  for (const std::int64_t version : plan.retire) out.add_retired_versions(version);
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::string> jobs, JobsInUse(engine.store(), plan.dataset, plan.retire));
  for (const std::string& job : jobs) out.add_jobs_in_use(job);
  AMAES_RETURN_IF_ERROR(AddUnknownWitnesses(engine, request.name(), out));
  // A new version also where the newest holds nothing of it any more, but does not know that it must not come back.
  if (plan.retire.back() != newest.version && plan.exclusions.empty()) {
    AMAES_RETURN_IF_ERROR(PlanRemoval(engine, std::move(candidates), nullptr, plan, out));
    return plan;
  }
  const DatasetVersion next = WithoutExcluded(base, plan.exclusions);
  AMAES_RETURN_IF_ERROR(PlanVersion(engine, base, next, newest.version, plan, out));
  AMAES_RETURN_IF_ERROR(PlanRemoval(engine, std::move(candidates), &next, plan, out));
  return plan;
}

absl::StatusOr<DatasetPlan> PlanRemove(Engine& engine, const v1::RemoveDatasetRequest& request,
                                       v1::DatasetChange& out) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord found, FindDataset(engine.store(), request.name(), request.version()));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(found));
  std::vector<DatasetRecord> versions = {found};
  if (request.version() == 0) {
    AMAES_ASSIGN_OR_RETURN(versions, LivingVersions(engine, request.name()));
  }
  DatasetPlan plan = NewPlan("remove", request.name(), "");
  out.set_name(request.name());
  Files candidates;
  for (const DatasetRecord& record : versions) {
    plan.retire.push_back(record.version);
    const absl::StatusOr<DatasetVersion> version = ReadRecorded(engine, record);
    if (version.ok()) {
      AddFiles(*version, candidates);
    } else {
      out.add_notes(absl::StrCat(version.status().message(), "; volumes that it alone needed stay in the store"));
    }
  }
  std::sort(plan.retire.begin(), plan.retire.end());
  for (const std::int64_t version : plan.retire) out.add_retired_versions(version);
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::string> jobs, JobsInUse(engine.store(), plan.dataset, plan.retire));
  for (const std::string& job : jobs) out.add_jobs_in_use(job);
  AMAES_RETURN_IF_ERROR(PlanRemoval(engine, std::move(candidates), nullptr, plan, out));
  return plan;
}

}  // namespace amaes
