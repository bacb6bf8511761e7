#include "libs/dataset/layout/bids_sidecars.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSidecarBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxTableBytes = std::size_t{256} << 20;

}  // namespace

BidsName ParseBidsName(const std::string& stem) {
  BidsName name;
  const std::vector<std::string> parts = absl::StrSplit(stem, '_');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (absl::StrContains(parts[i], "-"))
      name.entities.insert(parts[i]);
    else if (i + 1 == parts.size())
      name.suffix = parts[i];
  }
  return name;
}

BidsSidecars::BidsSidecars(const Tree& tree) : tree_(tree) {
  for (const std::string& file : tree.files) {
    if (!absl::EndsWith(file, ".json")) continue;
    const fs::path path(file);
    Sidecar sidecar{file, ParseBidsName(path.stem().string())};
    if (!sidecar.name.suffix.empty()) by_folder_[path.parent_path().string()].push_back(std::move(sidecar));
  }
  for (auto& [folder, sidecars] : by_folder_) {
    std::stable_sort(sidecars.begin(), sidecars.end(), [](const Sidecar& a, const Sidecar& b) {
      return a.name.entities.size() < b.name.entities.size();
    });
  }
}

const ScanInfo& BidsSidecars::Read(const std::string& file) {
  const auto [found, is_new] = read_.try_emplace(file);
  if (is_new) {
    const absl::StatusOr<std::string> text = files::Read(tree_.root / file, kMaxSidecarBytes);
    const absl::Status status = text.ok() ? PutSidecar(*text, found->second) : text.status();
    if (!status.ok()) damaged_[file] = std::string(status.message());
  }
  return found->second;
}

const std::map<std::string, ScanInfo>& BidsSidecars::ReadTable(const std::string& file, const char* key_column) {
  const auto [found, is_new] = tables_.try_emplace(file);
  if (!is_new || !tree_.Has(file)) return found->second;
  const absl::StatusOr<std::string> text = files::Read(tree_.root / file, kMaxTableBytes);
  const absl::StatusOr<Table> table = text.ok() ? ParseTable(*text, '\t') : text.status();
  if (!table.ok()) {
    damaged_[file] = std::string(table.status().message());
    return found->second;
  }
  const int key = table->Column({key_column});
  if (key < 0) {
    damaged_[file] = absl::StrCat("no column ", key_column);
    return found->second;
  }
  const FactColumns facts(*table);
  for (const TableRow& row : table->rows) facts.Put(row, found->second[table->Cell(row, key)]);
  return found->second;
}

void BidsSidecars::PutTable(const std::string& file, const char* key_column, const std::string& key, ScanInfo& info) {
  const std::map<std::string, ScanInfo>& rows = ReadTable(file, key_column);
  const auto row = rows.find(key);
  if (row == rows.end()) return;
  for (const auto& [name, value] : row->second) info[name] = value;
}

ScanInfo BidsSidecars::Facts(const std::string& file, const std::string& subject, const std::string& session) {
  ScanInfo info;
  const fs::path path(file);
  const BidsName name = ParseBidsName(SplitScanName(path.filename().string()).stem);
  std::vector<fs::path> folders = {fs::path()};
  for (const fs::path& part : path.parent_path()) folders.push_back(folders.back() / part);
  for (const fs::path& folder : folders) {
    const auto found = by_folder_.find(folder.string());
    if (found == by_folder_.end()) continue;
    for (const Sidecar& sidecar : found->second) {
      const bool applies = sidecar.name.suffix == name.suffix &&
                           std::includes(name.entities.begin(), name.entities.end(), sidecar.name.entities.begin(),
                                         sidecar.name.entities.end());
      if (!applies) continue;
      for (const auto& [key, value] : Read(sidecar.file)) info[key] = value;
    }
  }
  PutTable("participants.tsv", "participant_id", subject, info);
  if (subject.empty()) return info;
  if (!session.empty()) PutTable(absl::StrCat(subject, "/", subject, "_sessions.tsv"), "session_id", session, info);
  const fs::path visit = session.empty() ? fs::path(subject) : fs::path(subject) / session;
  const std::string prefix = session.empty() ? subject : absl::StrCat(subject, "_", session);
  PutTable((visit / absl::StrCat(prefix, "_scans.tsv")).string(), "filename", path.lexically_relative(visit).string(),
           info);
  return info;
}

}  // namespace amaes
