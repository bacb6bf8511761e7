#include "services/coordinator/dataset_pages.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/dataset/contact_sheet.h"
#include "libs/dataset/report.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/html.h"

namespace amaes {
namespace {

constexpr char kHtml[] = "text/html; charset=utf-8";
constexpr std::size_t kLargestPage = std::size_t{256} << 20;

absl::StatusOr<std::string> MakePage(Engine& engine, const DatasetRecord& record, const std::filesystem::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion version, ReadCatalogue(record, folder));
  AMAES_ASSIGN_OR_RETURN(const IngestReport ingest, ReadReport(folder));
  DatasetReport report = MakeReport(version, ingest);
  report.version = record.version;
  std::vector<SheetRow> sheet;
  for (const std::size_t index : ChooseForSheet(version, kSheetVolumes)) {
    if (engine.stopped()) return absl::UnavailableError("the coordinator is stopping");
    sheet.push_back(MakeSheetRow(version.entries[index], version.contract, engine.options().home / "volumes"));
  }
  return ReportHtml(report, sheet, "/datasets");
}

}  // namespace

HttpReply PageNotFound(const std::string& what) {
  return {404, kHtml, html::Page("not found", 0, absl::StrCat("<p class=\"soft\">", html::Escape(what), "</p>"))};
}

std::string DatasetsTable(const std::vector<DatasetRecord>& datasets) {
  if (datasets.empty()) return "<p class=\"soft\">No dataset yet: <code>amaes dataset add</code> makes one.</p>";
  std::vector<std::vector<std::string>> rows;
  for (const DatasetRecord& dataset : datasets) {
    const std::string name = absl::StrCat(dataset.name, "@", dataset.version);
    rows.push_back({dataset.is_retired()
                        ? absl::StrCat(html::Escape(name), " ", html::Badge("retired", "plain"))
                        : html::Link(absl::StrCat("/datasets/", dataset.name, "/", dataset.version), name),
                    absl::StrCat(dataset.volumes, " (", dataset.held_out_volumes, " held out)"),
                    absl::StrCat(dataset.subjects), absl::StrCat(dataset.quarantined), absl::StrCat(dataset.duplicates),
                    html::Bytes(static_cast<double>(dataset.stored_bytes)), html::Escape(dataset.made_by),
                    html::Time(dataset.created)});
  }
  return html::Table({"dataset", "volumes", "subjects", "quarantined", "duplicates", "stored", "made by", "made (UTC)"},
                     rows);
}

HttpReply DatasetPages::List() {
  std::vector<DatasetRecord> all;
  std::string cursor;
  do {
    absl::StatusOr<Page<DatasetRecord>> page = engine_.store().ListDatasets("", 1000, cursor);
    if (!page.ok()) break;
    all.insert(all.end(), page->records.begin(), page->records.end());
    cursor = page->next_cursor;
  } while (!cursor.empty());
  return {200, kHtml,
          html::Page("datasets", 0, absl::StrCat("<section><h2>Datasets</h2>", DatasetsTable(all), "</section>"))};
}

HttpReply DatasetPages::Report(const std::string& name_and_version) {
  const std::size_t slash = name_and_version.find('/');
  std::int64_t number = 0;
  if (slash == std::string::npos || !absl::SimpleAtoi(name_and_version.substr(slash + 1), &number) || number < 1) {
    return PageNotFound("There is no such dataset: /datasets lists them.");
  }
  // Names that the store has are safe as folders.
  const absl::StatusOr<DatasetRecord> record = FindDataset(engine_.store(), name_and_version.substr(0, slash), number);
  if (!record.ok()) return PageNotFound(std::string(record.status().message()));
  if (const absl::Status status = CheckNotRetired(*record); !status.ok()) {
    return PageNotFound(std::string(status.message()));
  }
  const std::filesystem::path folder = engine_.DatasetFolder(record->name, record->version);
  // Another program may make it another way.
  const std::filesystem::path kept = folder / absl::StrCat("page-", kProgramVersion, ".html");
  MutexLock lock(mutex_);
  if (absl::StatusOr<std::string> page = files::Read(kept, kLargestPage); page.ok())
    return {200, kHtml, *std::move(page)};
  const absl::StatusOr<std::string> page = MakePage(engine_, *record, folder);
  if (!page.ok()) return {500, kHtml, html::Page("damaged", 0, html::Escape(page.status().message()))};
  if (const absl::Status status = files::WriteAtomic(kept, *page); !status.ok()) {
    LogWarning("coordinator", "a dataset's page is not kept", {{"dataset", record->name}, {"error", status.message()}});
  }
  return {200, kHtml, *page};
}

}  // namespace amaes
