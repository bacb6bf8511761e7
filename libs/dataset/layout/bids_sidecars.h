// The texts of a BIDS tree: participants.tsv, sessions and scans tables, sidecars with their inheritance.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {

// "sub-01_ses-2_acq-x_T1w": its entities and its suffix.
struct BidsName {
  std::set<std::string> entities;  // "sub-01", "ses-2", "acq-x"
  std::string suffix;              // "T1w"; "" if the last part is an entity
};
BidsName ParseBidsName(const std::string& stem);

// Reads each text once, when it is first asked for. Not thread-safe.
class BidsSidecars {
 public:
  explicit BidsSidecars(const Tree& tree);

  // What applies to a scan: sidecars of its suffix whose entities the scan has, from the root down, so that the nearest
  // wins; then participants.tsv, sub-X_sessions.tsv, _scans.tsv.
  ScanInfo Facts(const std::string& file, const std::string& subject, const std::string& session);

  // Texts that could not be read, with what was wrong: their facts are missing.
  const std::map<std::string, std::string>& damaged() const { return damaged_; }

 private:
  struct Sidecar {
    std::string file;
    BidsName name;
  };
  const ScanInfo& Read(const std::string& file);
  void PutTable(const std::string& file, const char* key_column, const std::string& key, ScanInfo& info);
  const std::map<std::string, ScanInfo>& ReadTable(const std::string& file, const char* key_column);

  const Tree& tree_;
  std::map<std::string, std::vector<Sidecar>> by_folder_;  // fewest entities first
  std::map<std::string, ScanInfo> read_;
  std::map<std::string, std::map<std::string, ScanInfo>> tables_;
  std::map<std::string, std::string> damaged_;
};

}  // namespace amaes
