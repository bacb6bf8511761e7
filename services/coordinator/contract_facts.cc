#include "services/coordinator/contract_facts.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/volume/contract.h"

namespace amaes {

std::string ContractDefect(const std::string& wanted, const std::string& dataset, const std::string& contract_json) {
  if (wanted.empty()) return "";
  const absl::StatusOr<Contract> found = ParseContract(contract_json);
  if (!found.ok()) return absl::StrCat("the contract of ", dataset, " cannot be read: ", found.status().message());
  if (found->name == wanted) return "";
  return absl::StrCat("volumes of contract ", wanted, " are expected, those of ", dataset, " were prepared under ",
                      ContractInWords(*found),
                      ": make a dataset with `amaes dataset add NAME --from FOLDER --contract ", wanted,
                      "`, or take these with dataset.contract: ", found->name);
}

std::string ContractDifference(const std::string& trained_json, const std::string& read_json) {
  if (trained_json.empty()) return "";
  const absl::StatusOr<Contract> trained = ParseContract(trained_json), read = ParseContract(read_json);
  if (!trained.ok()) return absl::StrCat("has a contract that cannot be read: ", trained.status().message());
  if (!read.ok())
    return absl::StrCat("cannot be compared with a dataset whose contract cannot be read: ", read.status().message());
  if (*trained == *read) return "";
  return absl::StrCat("was trained on volumes of contract ", ContractInWords(*trained), ", the dataset's are of ",
                      ContractInWords(*read));
}

}  // namespace amaes
