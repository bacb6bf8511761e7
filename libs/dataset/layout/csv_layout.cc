// Layout "csv": one list of scans, .csv, .tsv or .jsonl, given itself or as scans.csv in the folder. Columns: path;
// subject, session, modality (else guessed from the path as "folder" does); label, anonymisation_mask, anatomy_mask;
// collection, case, frame; and every fact of ScanFile::info. Relative paths begin at the list's folder.
#include "libs/dataset/layout/csv_layout.h"

#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/listing.h"
#include "libs/dataset/layout/npy_layout.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/table.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownProblems = 10;
constexpr int kMaxFrame = 1'000'000;

bool IsList(const std::string& name) {
  return absl::EndsWithIgnoreCase(name, ".csv") || absl::EndsWithIgnoreCase(name, ".tsv") ||
         absl::EndsWithIgnoreCase(name, ".jsonl");
}

// scans.csv, scans.tsv, scans.jsonl in a folder.
std::vector<std::string> ListsIn(const fs::path& folder) {
  std::vector<std::string> lists;
  for (const std::string& name : ListNames(folder).files) {
    if (IsList(name) && absl::EqualsIgnoreCase(fs::path(name).stem().string(), "scans")) lists.push_back(name);
  }
  return lists;
}

struct Columns {
  int path, subject, session, modality, collection, case_id, frame;
  std::vector<std::pair<const char*, int>> companions;

  explicit Columns(const Table& table)
      : path(table.Column({"path", "image", "image_path", "file", "filename"})),
        subject(table.Column({"subject", "subject_id", "participant_id"})),
        session(table.Column({"session", "session_id", "visit"})),
        modality(table.Column({"modality", "sequence", "contrast"})),
        collection(table.Column({"collection", "dataset"})),
        case_id(table.Column({"case", "case_id"})),
        frame(table.Column({"frame"})),
        companions{{"label", table.Column({"label", "label_path", "seg"})},
                   {"anonymisation_mask",
                    table.Column({"anonymisation_mask", "anonymization_mask", "anon_mask_path", "deface_mask"})},
                   {"anatomy_mask", table.Column({"anatomy_mask", "anat_mask_path"})}} {}

  bool Uses(int column) const {
    for (const int used : {path, subject, session, modality, collection, case_id, frame}) {
      if (used == column) return true;
    }
    for (const auto& [role, used] : companions) {
      if (used == column) return true;
    }
    return false;
  }
};

class Reader {
 public:
  Reader(const Table& table, Listing& listing, fs::path base)
      : table_(table), listing_(listing), base_(std::move(base)), columns_(table), facts_(table) {}

  absl::Status Read() {
    if (columns_.path < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(listing_.name(), " line 1: no column 'path'; there are: ", absl::StrJoin(table_.columns, ", ")));
    }
    for (const TableRow& row : table_.rows) ReadRow(row);
    if (problems_.empty()) {
      NoteUnusedColumns();
      return absl::OkStatus();
    }
    const std::size_t more = problems_.size() > kShownProblems ? problems_.size() - kShownProblems : 0;
    problems_.resize(problems_.size() - more);
    return absl::InvalidArgumentError(absl::StrCat(listing_.name(), " ", absl::StrJoin(problems_, "; "),
                                                   more > 0 ? absl::StrCat("; and ", more, " more") : ""));
  }

 private:
  std::string Where(const TableRow& row, int column) const {
    return absl::StrCat(listing_.name(), " line ", row.line, ", column ",
                        table_.columns[static_cast<std::size_t>(column)]);
  }
  void Problem(const TableRow& row, int column, const std::string& what) {
    problems_.push_back(
        absl::StrCat("line ", row.line, ", column ", table_.columns[static_cast<std::size_t>(column)], ": ", what));
  }
  // The file that a cell names; "" also when the cell is at fault, which is then a problem.
  fs::path PathIn(const TableRow& row, int column) {
    const std::string stated = table_.Cell(row, column);
    if (stated.empty()) return {};
    if (const std::string defect = PathDefect(stated); !defect.empty()) {
      Problem(row, column, defect);
      return {};
    }
    return base_ / stated;
  }

  void ReadRow(const TableRow& row) {
    if (row.cells.size() != table_.columns.size()) {
      problems_.push_back(absl::StrCat("line ", row.line, ": has ", row.cells.size(), " cells, the header ",
                                       table_.columns.size(), " columns"));
      return;
    }
    const std::string stated = table_.Cell(row, columns_.path);
    if (stated.empty()) return Problem(row, columns_.path, "is empty");
    ScanFile file;
    file.path = PathIn(row, columns_.path);
    if (file.path.empty() || !ReadFrame(row, file.frame)) return;
    if (!listing_.Add(file, stated, Where(row, columns_.path))) return;
    for (const auto& [role, column] : columns_.companions) {
      const fs::path companion = PathIn(row, column);
      if (!companion.empty()) {
        listing_.AddCompanion(file, role, companion, table_.Cell(row, column), Where(row, column));
      }
    }
    Describe(row, stated, file);
    listing_.Take(std::move(file));
  }

  bool ReadFrame(const TableRow& row, std::int64_t& frame) {
    const std::string text = table_.Cell(row, columns_.frame);
    if (text.empty()) return true;
    if (absl::SimpleAtoi(text, &frame) && frame >= 0 && frame <= kMaxFrame) return true;
    Problem(row, columns_.frame, absl::StrCat("'", text, "' is no frame number from 0"));
    return false;
  }

  void Describe(const TableRow& row, const std::string& stated, ScanFile& file) {
    const ScanName guess = ParseScanName(FolderParts(stated), SplitScanName(fs::path(stated).filename().string()).stem);
    file.subject = table_.Cell(row, columns_.subject);
    file.session = table_.Cell(row, columns_.session);
    file.modality = table_.Cell(row, columns_.modality);
    file.collection = table_.Cell(row, columns_.collection);
    file.case_id = table_.Cell(row, columns_.case_id);
    if (file.subject.empty()) file.subject = guess.subject;
    if (columns_.session < 0) file.session = guess.session;
    if (file.modality.empty()) file.modality = guess.modality;
    facts_.Put(row, file.info);
    file.preprocessed = IsPreparedArray(file.path.filename().string());
  }

  void NoteUnusedColumns() {
    std::vector<std::string> unused;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      const int column = static_cast<int>(i);
      if (!columns_.Uses(column) && !facts_.Uses(column)) unused.push_back(table_.columns[i]);
    }
    if (!unused.empty()) listing_.Note(absl::StrCat("columns that are not used: ", absl::StrJoin(unused, ", ")));
  }

  const Table& table_;
  Listing& listing_;
  const fs::path base_;
  const Columns columns_;
  const FactColumns facts_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<ScanList> ScanCsv(const fs::path& given, const fs::path& list, const fs::path& base,
                                 const std::string& layout) {
  AMAES_ASSIGN_OR_RETURN(Listing listing, Listing::Open(given, list));
  const std::string name = listing.name();
  absl::StatusOr<Table> table = absl::EndsWithIgnoreCase(name, ".jsonl") ? ParseJsonLines(listing.text())
                                : absl::EndsWithIgnoreCase(name, ".tsv") ? ParseTable(listing.text(), '\t')
                                                                         : ParseTable(listing.text(), ',');
  if (!table.ok()) return absl::InvalidArgumentError(absl::StrCat(name, " ", table.status().message()));
  AMAES_RETURN_IF_ERROR(Reader(*table, listing, base).Read());
  return listing.Finish(layout, absl::StrCat("scan named by ", name));
}

Recognition CsvLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) {
    if (!IsList(folder.filename().string())) return {};
    return {100, "a .csv, .tsv or .jsonl list"};
  }
  const std::vector<std::string> lists = ListsIn(folder);
  if (lists.empty()) return {};
  return {98, absl::StrCat("the list ", lists[0], " in the folder")};
}

absl::StatusOr<ScanList> CsvLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const fs::path list, FindList(folder, ListsIn, "scans.csv, scans.tsv or scans.jsonl"));
  if (!IsList(list.filename().string())) {
    return absl::InvalidArgumentError(
        absl::StrCat(list.string(), " is no list of scans: its name ends in neither .csv, .tsv nor .jsonl"));
  }
  return ScanCsv(folder, list, list.parent_path(), "csv");
}

}  // namespace amaes
