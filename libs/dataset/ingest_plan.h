// What an ingest has to do: every item with its stamp, what is known of it already, what is left to read. Also what
// `dataset add --dry-run` shows, without a job.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/ingest.h"
#include "libs/dataset/ingest_answer.h"
#include "libs/dataset/ingest_estimate.h"
#include "libs/dataset/layout.h"

namespace amaes {

struct IngestPlan {
  std::string layout;
  Contract contract;                // with numbers for its spacing
  std::vector<ScanFile> items;      // sorted by source; a split 4D file is one item per frame, SOURCE#FRAME
  std::vector<std::string> stamps;  // one per item
  // Not looked at: by rule of the layout, or because an earlier version excluded the subject.
  std::vector<std::pair<std::string, std::string>> skipped;
  std::vector<std::string> findings;  // of the source
  // One per item: known from the version before or from an earlier run, else to be filled by reading.
  std::vector<std::optional<ReadAnswer>> answers;
  std::vector<bool> unchanged;        // one per item: the answer is that of the version before
  std::vector<ReadRequest> requests;  // what is left to read; index = the item
  std::vector<HeaderFacts> headers;   // one per request
  IngestEstimate estimate;            // of the requests
};

// Called about once a second with the number of headers looked at; false stops.
using InspectProgress = std::function<bool(std::int64_t done, std::int64_t all)>;

// Lists the folder, looks at headers in `options.cores` threads, resolves the contract. Reads no voxels and writes
// nothing. `previous` may be null. Errors as RunIngest.
absl::StatusOr<IngestPlan> PlanIngest(const IngestOptions& options, const DatasetVersion* previous,
                                      const InspectProgress& on_progress);

// Whether what the plan writes fits.   - FailedPrecondition: says how much is missing.
absl::Status CheckDiskSpace(const IngestEstimate& estimate, std::int64_t free_bytes);

// "amaes at 1 mm": name, spacing, and the reference's crop.
std::string ContractInWords(const Contract& contract);

// The contract that scans are added under to a dataset that has one. `wanted` is the ingest's, spacing numbers as asked
// for (ignored for "median", which means the dataset's own).
//   - FailedPrecondition: another one; says what to do.
absl::Status CheckSameContract(const Contract& existing, const Contract& wanted, const std::string& spacing,
                               const std::string& dataset);

// The contract that a spec asks for; with the spacing "median", zeros.
//   - InvalidArgument: as ParseSpacing and CheckContract.
absl::StatusOr<Contract> ContractOf(const std::string& name, const std::string& spacing, bool reference_crop);

}  // namespace amaes
