#include "libs/dataset/ingest_plan.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_files.h"
#include "libs/dataset/ingest_inspect.h"
#include "libs/dataset/ingest_stamp.h"
#include "libs/dataset/source/source.h"
#include "libs/volume/spacing.h"

namespace amaes {
namespace {

// Reasons by voxel digest, and by keyed hash of the subject.
struct Excluded {
  std::map<std::string, std::string> voxels, subjects;
};

Excluded ExcludedBy(const DatasetVersion* previous) {
  Excluded out;
  if (previous == nullptr) return out;
  for (const Exclusion& exclusion : previous->exclusions) {
    (exclusion.kind == "subject" ? out.subjects : out.voxels).emplace(exclusion.value, exclusion.reason);
  }
  return out;
}

ReadRequest RequestFor(const IngestOptions& options, const Contract& contract, const ScanFile& scan) {
  ReadRequest request;
  request.path = scan.path.empty() ? options.from / scan.source : scan.path;
  request.member = scan.member;
  request.dicom = scan.dicom;
  request.preprocessed = scan.preprocessed;
  request.frame = std::max<std::int64_t>(0, scan.frame);
  request.refuse_frames = options.frames == "refuse" && scan.frame < 0;
  request.refuse_nonfinite = options.nonfinite == "quarantine";
  request.demands = scan.demands;
  if (options.labels) request.companions = scan.companions;
  request.volumes = options.volumes;
  request.contract = contract;
  return request;
}

class Planner {
 public:
  Planner(const IngestOptions& options, const DatasetVersion* previous, const InspectProgress& on_progress)
      : options_(options), previous_(previous), on_progress_(on_progress), excluded_(ExcludedBy(previous)) {}

  absl::StatusOr<IngestPlan> Run() {
    AMAES_ASSIGN_OR_RETURN(std::vector<ScanFile> files, List());
    AMAES_ASSIGN_OR_RETURN(const SpacingChoice spacing, ParseSpacing(options_.spacing));
    plan_.contract = options_.contract;
    plan_.contract.spacing_mm = spacing.mm;
    if (previous_ != nullptr) {
      AMAES_RETURN_IF_ERROR(CheckSameContract(previous_->contract, plan_.contract, options_.spacing, options_.dataset));
      plan_.contract = previous_->contract;
    }
    // The frames of a file and the median have to be known before there are items and stamps.
    const bool median = previous_ == nullptr && spacing.kind == SpacingChoice::Kind::kMedian;
    std::vector<HeaderFacts> headers(files.size(), absl::FailedPreconditionError("not inspected"));
    if (median || options_.frames == "split") {
      AMAES_ASSIGN_OR_RETURN(headers, Inspect(files, true));
    }
    if (median) {
      const std::optional<std::array<double, 3>> found = MedianSpacing(headers);
      if (!found) {
        return absl::FailedPreconditionError(
            "no header could be read, so there is no median spacing: name one in millimetres (spacing=1)");
      }
      plan_.contract.spacing_mm = *found;
    }
    MakeItems(std::move(files), headers);
    FindKnown();
    AMAES_RETURN_IF_ERROR(Estimate());
    return std::move(plan_);
  }

 private:
  absl::StatusOr<ScanList> Scan() const {
    if (!options_.source.empty()) {
      AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Source> source, MakeSource(options_.source));
      return source->Scan(options_.from);
    }
    AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Layout> layout, MakeLayout(options_.layout));
    return layout->Scan(options_.from);
  }

  // What layout or source list, without excluded subjects.
  absl::StatusOr<std::vector<ScanFile>> List() {
    AMAES_ASSIGN_OR_RETURN(ScanList list, Scan());
    plan_.layout = list.layout;
    plan_.skipped = std::move(list.skipped);
    for (const CollectionFinding& finding : list.findings) {
      if (!finding.difference.empty()) plan_.findings.push_back(FindingText(finding));
    }
    std::vector<ScanFile> files;
    for (ScanFile& file : list.files) {
      const auto found = excluded_.subjects.find(SubjectKey(file.subject));
      if (found == excluded_.subjects.end()) {
        files.push_back(std::move(file));
      } else {
        plan_.skipped.emplace_back(file.source, absl::StrCat("excluded: ", found->second));
      }
    }
    return files;
  }

  absl::StatusOr<std::vector<HeaderFacts>> Inspect(const std::vector<ScanFile>& files, bool needed) {
    std::vector<ReadRequest> requests;
    for (const ScanFile& file : files) requests.push_back(RequestFor(options_, plan_.contract, file));
    return InspectHeaders(requests, options_.cores, needed, on_progress_);
  }

  void MakeItems(std::vector<ScanFile> files, const std::vector<HeaderFacts>& headers) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      ScanFile& file = files[i];
      const bool split = options_.frames == "split" && file.frame < 0 && headers[i].ok() && headers[i]->frames > 1;
      const int frames = split ? headers[i]->frames : 1;
      for (int frame = 0; frame < frames; ++frame) {
        ScanFile& item = plan_.items.emplace_back(file);
        if (item.path.empty()) item.path = options_.from / file.source;
        if (split) {
          item.source = absl::StrCat(file.source, "#", frame);
          item.frame = frame;
        }
        known_headers_.push_back(headers[i]);
      }
    }
  }

  // Fills stamps, answers and requests.
  void FindKnown() {
    std::map<std::string, const CatalogueEntry*> entries;
    std::map<std::string, ReadAnswer> unused;
    if (previous_ != nullptr) {
      for (const CatalogueEntry& entry : previous_->entries) entries.emplace(entry.stamp, &entry);
      // Without it these files are read again; nothing else depends on it.
      if (auto read = ReadUnused(options_.previous); read.ok()) {
        for (auto& [stamp, answer] : *read) unused.emplace(std::move(stamp), std::move(answer));
      }
    }
    const IngestRecords records(options_.records, options_.volumes);
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      ReadRequest request = RequestFor(options_, plan_.contract, plan_.items[i]);
      request.index = static_cast<std::int64_t>(i);
      request.stamp = StampOf(plan_.items[i].source, request);
      plan_.stamps.push_back(request.stamp);
      plan_.unchanged.push_back(false);
      std::optional<ReadAnswer>& answer = plan_.answers.emplace_back();
      if (const auto entry = entries.find(request.stamp); entry != entries.end() && records.IsStored(*entry->second)) {
        answer.emplace();
        answer->outcome = ReadAnswer::Outcome::kVolume;
        answer->entry = *entry->second;
        plan_.unchanged[i] = true;
      } else if (const auto found = unused.find(request.stamp);
                 found != unused.end() && IsUsable(records, found->second)) {
        answer = found->second;
      } else if (absl::StatusOr<ReadAnswer> record = records.Find(request.stamp); record.ok()) {
        answer = *std::move(record);
      }
      if (answer) {
        ApplyExclusions(*answer);
      } else {
        plan_.requests.push_back(std::move(request));
        plan_.headers.push_back(std::move(known_headers_[i]));
      }
    }
  }

  static bool IsUsable(const IngestRecords& records, const ReadAnswer& answer) {
    return answer.outcome != ReadAnswer::Outcome::kVolume || records.IsStored(answer.entry);
  }

  // An exclusion may be younger than what is known.
  void ApplyExclusions(ReadAnswer& answer) const {
    if (answer.outcome != ReadAnswer::Outcome::kVolume) return;
    const auto found = excluded_.voxels.find(answer.entry.voxel_digest);
    if (found == excluded_.voxels.end()) return;
    answer = {};
    answer.outcome = ReadAnswer::Outcome::kExcluded;
    answer.reason = found->second;
  }

  absl::Status Estimate() {
    const bool inspected =
        std::any_of(plan_.headers.begin(), plan_.headers.end(), [](const HeaderFacts& h) { return h.ok(); });
    if (!inspected) {
      AMAES_ASSIGN_OR_RETURN(plan_.headers, InspectHeaders(plan_.requests, options_.cores, false, on_progress_));
    }
    plan_.estimate = EstimateIngest(plan_.headers, plan_.contract);
    return absl::OkStatus();
  }

  const IngestOptions& options_;
  const DatasetVersion* previous_;
  const InspectProgress& on_progress_;
  const Excluded excluded_;
  std::vector<HeaderFacts> known_headers_;  // one per item
  IngestPlan plan_;
};

std::string Gigabytes(std::int64_t bytes) { return absl::StrFormat("%.1f GB", static_cast<double>(bytes) / 1e9); }

}  // namespace

std::string ContractInWords(const Contract& contract) {
  return absl::StrCat(contract.name, " at ", SpacingText(contract.spacing_mm),
                      contract.spacing_mm == std::array<double, 3>{0, 0, 0} ? " spacing" : " mm",
                      contract.reference_crop ? ", reference crop" : "");
}

absl::StatusOr<IngestPlan> PlanIngest(const IngestOptions& options, const DatasetVersion* previous,
                                      const InspectProgress& on_progress) {
  return Planner(options, previous, on_progress).Run();
}

absl::Status CheckDiskSpace(const IngestEstimate& estimate, std::int64_t free_bytes) {
  if (estimate.disk_bytes <= free_bytes) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("too little disk space: ", estimate.items, " scans need about ", Gigabytes(estimate.disk_bytes),
                   " in the folder of volumes, where ", Gigabytes(free_bytes),
                   " are free; make room, ingest fewer scans at a time, or take a coarser spacing"));
}

absl::StatusOr<Contract> ContractOf(const std::string& name, const std::string& spacing, bool reference_crop) {
  AMAES_ASSIGN_OR_RETURN(const SpacingChoice choice, ParseSpacing(spacing));
  Contract contract;
  contract.name = name;
  contract.spacing_mm = choice.mm;
  contract.reference_crop = reference_crop;
  AMAES_RETURN_IF_ERROR(CheckContract(contract));
  return contract;
}

absl::Status CheckSameContract(const Contract& existing, const Contract& wanted, const std::string& spacing,
                               const std::string& dataset) {
  Contract same = wanted;
  if (spacing == "median") same.spacing_mm = existing.spacing_mm;
  if (same == existing) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("dataset ", dataset, " has the contract ", ContractInWords(existing), ", and this ingest asks for ",
                   spacing == "median" ? absl::StrCat(wanted.name, wanted.reference_crop ? ", reference crop" : "")
                                       : ContractInWords(wanted),
                   ": all volumes of a dataset have one contract. Ask for the dataset's (contract=", existing.name,
                   " spacing=", SpacingText(existing.spacing_mm), "), or make a dataset of another name"));
}

}  // namespace amaes
