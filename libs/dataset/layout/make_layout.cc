#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/dataset/layout.h"
#include "libs/dataset/layout/bids_layout.h"
#include "libs/dataset/layout/csv_layout.h"
#include "libs/dataset/layout/dicom_layout.h"
#include "libs/dataset/layout/folder_layout.h"
#include "libs/dataset/layout/fomo_layout.h"
#include "libs/dataset/layout/msd_layout.h"
#include "libs/dataset/layout/nnssl_layout.h"
#include "libs/dataset/layout/nnunet_layout.h"
#include "libs/dataset/layout/npy_layout.h"

namespace amaes {
namespace {

using LayoutPtr = std::unique_ptr<Layout>;

struct Entry {
  const char* name;
  LayoutPtr (*make)();
};

// Every layout, once. Of two that are equally sure of a folder, the first one is taken.
constexpr Entry kLayouts[] = {
    {"bids", [] { return LayoutPtr(std::make_unique<BidsLayout>()); }},
    {"fomo", [] { return LayoutPtr(std::make_unique<FomoLayout>()); }},
    {"nnunet", [] { return LayoutPtr(std::make_unique<NnunetLayout>()); }},
    {"nnssl",
     [] { return LayoutPtr(std::make_unique<NnsslLayout>([](const char* name) { return std::getenv(name); })); }},
    {"msd", [] { return LayoutPtr(std::make_unique<MsdLayout>()); }},
    {"csv", [] { return LayoutPtr(std::make_unique<CsvLayout>()); }},
    {"npy", [] { return LayoutPtr(std::make_unique<NpyLayout>()); }},
    {"dicom", [] { return LayoutPtr(std::make_unique<DicomLayout>()); }},
    {"folder", [] { return LayoutPtr(std::make_unique<FolderLayout>()); }},
};

class AutoLayout final : public Layout {
 public:
  Recognition Recognise(const std::filesystem::path& folder) override { return RecogniseLayouts(folder)[0].second; }

  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override {
    std::error_code error;
    if (!std::filesystem::exists(folder, error)) {
      return absl::NotFoundError(absl::StrCat("no folder or list ", folder.string(), " on this machine"));
    }
    const auto [name, recognition] = RecogniseLayouts(folder)[0];
    if (recognition.certainty == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          folder.string(),
          " is neither a folder nor a list of scans (.csv, .tsv, .jsonl, a datalist or pretrain_data.json)"));
    }
    absl::StatusOr<ScanList> list = (*MakeLayout(name))->Scan(folder);
    if (list.ok()) return list;
    return absl::Status(list.status().code(),
                        absl::StrCat("layout ", name, " (", recognition.reason, "): ", list.status().message(),
                                     "; another layout can be named with --layout"));
  }
};

}  // namespace

absl::StatusOr<LayoutPtr> MakeLayout(const std::string& name) {
  if (name == "auto") return std::make_unique<AutoLayout>();
  std::string known = "auto";
  for (const Entry& entry : kLayouts) {
    if (name == entry.name) return entry.make();
    absl::StrAppend(&known, ", ", entry.name);
  }
  return absl::NotFoundError(absl::StrCat("no layout '", name, "'; known: ", known));
}

std::vector<std::pair<std::string, Recognition>> RecogniseLayouts(const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, Recognition>> all;
  for (const Entry& entry : kLayouts) all.emplace_back(entry.name, entry.make()->Recognise(folder));
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second.certainty > b.second.certainty; });
  return all;
}

}  // namespace amaes
