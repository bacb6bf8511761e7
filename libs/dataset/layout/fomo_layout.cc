// Layout "fomo": FOMO45K, 60K, 260K and 300K: [DATASET/…/]sub-X/ses-Y/NAME.nii.gz, "sub_X" and "ses_Y" alike, with or
// without a BIDS type folder inside; per subject or session also as sub-X.zip, sub-X/ses-Y.zip, whose members are listed.
// Subsets reuse sub-01, so a subject is called DATASET/sub-X where there is a DATASET. Modality by the words of the name;
// "scan" says none. Tables at the root or in a DATASET: participants.tsv, mri_info.tsv; mapping.tsv is not needed.
#include "libs/dataset/layout/fomo_layout.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/archive.h"
#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTableBytes = std::size_t{1} << 30;
// How many folders deep DATASET/…/ may be when a folder is looked at.
constexpr int kGlanceDepth = 2;

bool IsSubject(absl::string_view name) {
  return name.size() > 4 && (absl::StartsWith(name, "sub-") || absl::StartsWith(name, "sub_"));
}
bool IsSession(absl::string_view name) {
  return name.size() > 4 && (absl::StartsWith(name, "ses-") || absl::StartsWith(name, "ses_"));
}
bool IsZip(absl::string_view name) { return absl::EndsWithIgnoreCase(name, ".zip"); }

struct Place {
  std::string dataset, subject, session;
};

// By the folders above a scan; those inside an archive, and the archive's own name without .zip, count as folders.
Place PlaceOf(const std::vector<std::string>& folders) {
  Place place;
  std::vector<std::string> above;
  for (const std::string& folder : folders) {
    if (place.subject.empty() && IsSubject(folder))
      place.subject = folder;
    else if (!place.subject.empty() && place.session.empty() && IsSession(folder))
      place.session = folder;
    else if (place.subject.empty())
      above.push_back(folder);
  }
  place.dataset = absl::StrJoin(above, "/");
  return place;
}

// The facts of one table, under "DATASET|sub|ses|file name"; parts that the table lacks are empty.
class Facts {
 public:
  // Adds a table that lies in `folder` below the root; returns what is wrong with it, or "".
  std::string Add(const fs::path& path, const std::string& folder) {
    const absl::StatusOr<std::string> text = files::Read(path, kMaxTableBytes);
    const absl::StatusOr<Table> table = text.ok() ? ParseTable(*text, '\t') : text.status();
    if (!table.ok()) return std::string(table.status().message());
    const int dataset = table->Column({"dataset"});
    const int subject = table->Column({"participant_id", "subject_id", "subject"});
    const int session = table->Column({"session_id", "session"});
    const int file = table->Column({"filename", "new_filename", "file"});
    if (subject < 0 && file < 0) return "neither a column participant_id nor a column filename";
    const FactColumns facts(*table);
    for (const TableRow& row : table->rows) {
      ScanInfo info;
      facts.Put(row, info);
      if (info.empty()) continue;
      const std::string in_row = table->Cell(row, dataset);
      const std::string name = fs::path(table->Cell(row, file)).filename().string();
      const std::string key =
          Key(in_row.empty() ? folder : in_row, table->Cell(row, subject), table->Cell(row, session), name);
      for (auto& [fact, value] : info) rows_[key][fact] = value;
    }
    return {};
  }

  ScanInfo Of(const Place& place, const std::string& name) const {
    ScanInfo info;
    for (const std::string& key :
         {Key(place.dataset, place.subject, "", ""), Key(place.dataset, place.subject, place.session, ""),
          Key(place.dataset, place.subject, place.session, name)}) {
      const auto row = rows_.find(key);
      if (row == rows_.end()) continue;
      for (const auto& [fact, value] : row->second) info[fact] = value;
    }
    return info;
  }

 private:
  static std::string Key(const std::string& dataset, const std::string& subject, const std::string& session,
                         const std::string& name) {
    return absl::StrCat(dataset, "|", subject, "|", session, "|", name);
  }
  std::map<std::string, ScanInfo> rows_;
};

class Lister {
 public:
  explicit Lister(const Tree& tree) : tree_(tree) {}

  void Take(const std::string& path) {
    if (IsZip(path)) return TakeArchive(path);
    const std::string name = fs::path(path).filename().string();
    if (name == "participants.tsv" || name == "mri_info.tsv") {
      const std::string defect = facts_.Add(tree_.root / path, fs::path(path).parent_path().string());
      return Skip(path, defect.empty()
                            ? "FOMO table"
                            : absl::StrCat("FOMO table that cannot be read, its facts are missing: ", defect));
    }
    if (name == "mapping.tsv") return Skip(path, "FOMO table");
    std::string rule = NoScanRule(tree_, path);
    if (!rule.empty()) return Skip(path, std::move(rule));
    Put(path, FolderParts(path), name, {}, {});
  }

  ScanList Finish() {
    for (auto& [file, place, name] : pending_) {
      file.info = facts_.Of(place, name);
      list_.files.push_back(std::move(file));
    }
    return std::move(list_);
  }

 private:
  struct Pending {
    ScanFile file;
    Place place;
    std::string name;
  };

  void Skip(const std::string& path, std::string rule) { list_.skipped.emplace_back(path, std::move(rule)); }

  void Put(const std::string& source, const std::vector<std::string>& folders, const std::string& name,
           const fs::path& archive, const std::string& member) {
    const std::string stem = SplitScanName(name).stem;
    if (std::string rule = LabelRule({}, stem); !rule.empty()) return Skip(source, std::move(rule));
    const Place place = PlaceOf(folders);
    if (place.subject.empty()) return Skip(source, "FOMO: lies in no sub-* folder");
    ScanFile file;
    file.source = source;
    file.path = archive;
    file.member = member;
    file.subject = place.dataset.empty() ? place.subject : absl::StrCat(place.dataset, "/", place.subject);
    file.session = place.session;
    file.modality = ModalityOf(stem);
    if (file.modality.empty()) file.modality = "unknown";
    file.collection = place.dataset.substr(0, place.dataset.find('/'));
    pending_.push_back({std::move(file), place, name});
  }

  void TakeArchive(const std::string& path) {
    const absl::StatusOr<ArchiveList> archive = ListArchive(tree_.root / path);
    if (!archive.ok()) return Skip(path, absl::StrCat("archive that cannot be listed: ", archive.status().message()));
    std::vector<std::string> outside = FolderParts(path);
    outside.push_back(fs::path(path).stem().string());
    for (const auto& [member, rule] : archive->refused) Skip(absl::StrCat(path, "/", member), rule);
    bool any = !archive->refused.empty();
    for (const ArchiveMember& member : archive->members) {
      any = true;
      const std::string source = absl::StrCat(path, "/", member.name);
      const std::string name = fs::path(member.name).filename().string();
      const std::string ending = SplitScanName(name).ending;
      if (ending.empty()) {
        Skip(source, EndingRule(name));
      } else if (!absl::StartsWithIgnoreCase(ending, ".nii")) {
        Skip(source, "a .hdr/.img pair in an archive is not read");
      } else {
        std::vector<std::string> inside = FolderParts(member.name);
        std::vector<std::string> folders = outside;
        folders.insert(folders.end(), inside.begin(), inside.end());
        Put(source, folders, name, tree_.root / path, member.name);
      }
    }
    if (!any) Skip(path, "archive without a file");
  }

  const Tree& tree_;
  Facts facts_;
  ScanList list_;
  std::vector<Pending> pending_;
};

// Whether a sub-* folder below has sessions with scans directly inside, or as archives.
bool HasFomoSubject(const fs::path& folder, int depth) {
  const Names top = ListNames(folder);
  for (const std::string& file : top.files) {
    if (IsZip(file) && IsSubject(file)) return true;
  }
  int looked = 0;
  for (const std::string& name : top.folders) {
    if (++looked > 20) return false;
    if (!IsSubject(name)) {
      if (depth > 0 && HasFomoSubject(folder / name, depth - 1)) return true;
      continue;
    }
    const Names inside = ListNames(folder / name);
    for (const std::string& file : inside.files) {
      if (IsZip(file)) return true;
    }
    for (const std::string& session : inside.folders) {
      if (!IsSession(session)) continue;
      for (const std::string& file : ListNames(folder / name / session).files) {
        if (!SplitScanName(file).ending.empty()) return true;
      }
    }
  }
  return false;
}

}  // namespace

Recognition FomoLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  const bool has_table = fs::exists(folder / "mapping.tsv", error) || fs::exists(folder / "mri_info.tsv", error);
  const bool has_subject = HasFomoSubject(folder, kGlanceDepth);
  if (has_table && has_subject) return {95, "mapping.tsv or mri_info.tsv, and sub-*/ses-* hold scans or archives"};
  if (has_subject) return {75, "sub-*/ses-* folders hold scans directly, or as .zip archives"};
  return {};
}

absl::StatusOr<ScanList> FomoLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  Lister lister(tree);
  for (const std::string& path : tree.files) lister.Take(path);
  return FinishList("fomo", tree, lister.Finish(), "scan sub-X/ses-Y/*.nii.gz or archive of such scans");
}

}  // namespace amaes
