// Layout "msd": a datalist of the Medical Segmentation Decathlon or MONAI: {"training": [{"image": …, "label": …}, …],
// "validation": …, "test": […], "modality": {"0": "FLAIR", …}}. An image is a path or a list of paths. A single image
// under a modality map of several entries is a 4D file: one scan per channel, by its frame. subject = file name.
#include "libs/dataset/layout/msd_layout.h"

#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/channels.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/listing.h"
#include "libs/dataset/layout/scan_name.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxListBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxGlanceBytes = std::size_t{32} << 20;  // of a file that merely lies in the folder
constexpr const char* kSections[] = {"training", "validation", "test", "testing"};

bool IsDatalist(const json& data) {
  for (const char* section : kSections) {
    if (JsonMember(data, section).is_array()) return true;
  }
  return false;
}

bool IsDatalistFile(const fs::path& path, std::size_t max_bytes) {
  const absl::StatusOr<std::string> text = files::Read(path, max_bytes);
  if (!text.ok()) return false;
  const absl::StatusOr<json> data = ParseJsonText(*text);
  return data.ok() && IsDatalist(*data);
}

// dataset.json, else every other .json that is a datalist.
std::vector<std::string> ListsIn(const fs::path& folder) {
  std::vector<std::string> lists;
  const Names names = ListNames(folder);
  for (const std::string& name : names.files) {
    if (name == "dataset.json" && IsDatalistFile(folder / name, kMaxListBytes)) return {name};
  }
  for (const std::string& name : names.files) {
    if (absl::EndsWith(name, ".json") && name != "dataset.json" && IsDatalistFile(folder / name, kMaxGlanceBytes))
      lists.push_back(name);
  }
  return lists;
}

class Reader {
 public:
  explicit Reader(Listing& listing) : listing_(listing) {}

  absl::Status Read(const json& data) {
    if (!IsDatalist(data)) return absl::InvalidArgumentError("no list 'training', 'validation' or 'test'");
    AMAES_ASSIGN_OR_RETURN(channels_, ChannelNames(data));
    for (const char* section : kSections) {
      const json& cases = JsonMember(data, section);
      if (cases.is_null()) continue;
      if (!cases.is_array()) return absl::InvalidArgumentError(absl::StrCat("'", section, "' is no list"));
      for (std::size_t i = 0; i < cases.size(); ++i) {
        AMAES_RETURN_IF_ERROR(ReadCase(cases[i], absl::StrCat(section, "[", i, "]")));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadCase(const json& entry, const std::string& where) {
    const json& image = entry.is_object() ? JsonMember(entry, "image") : entry;
    std::vector<std::string> images;
    if (image.is_string()) images.push_back(image.get<std::string>());
    if (image.is_array()) {
      for (const json& path : image) images.push_back(path.is_string() ? path.get<std::string>() : "");
    }
    if (images.empty()) return absl::InvalidArgumentError(absl::StrCat(where, ": no 'image'"));
    for (const std::string& path : images) {
      if (const std::string defect = PathDefect(path); !defect.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(where, ".image ", defect));
      }
    }
    const std::string label = entry.is_object() ? JsonText(entry, "label") : "";
    if (!label.empty()) {
      if (const std::string defect = PathDefect(label); !defect.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(where, ".label ", defect));
      }
    }
    const bool is_multichannel = images.size() == 1 && channels_.size() > 1;
    const std::size_t count = is_multichannel ? channels_.size() : images.size();
    const std::string case_id = CaseOf(images[0]);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& stated = images[is_multichannel ? 0 : i];
      ScanFile file;
      file.path = listing_.root() / stated;
      if (is_multichannel) file.frame = static_cast<std::int64_t>(i);
      if (!listing_.Add(file, stated, where)) continue;
      file.subject = case_id;
      file.case_id = count > 1 || !label.empty() ? case_id : "";
      file.modality = ModalityOfImage(stated, i, count);
      if (!label.empty()) {
        listing_.AddCompanion(file, "label", listing_.root() / label, label, absl::StrCat(where, ".label"));
      }
      listing_.Take(std::move(file));
    }
    return absl::OkStatus();
  }

  std::string ModalityOfImage(const std::string& stated, std::size_t i, std::size_t count) const {
    if (channels_.size() == count) return ChannelModality(channels_[i]);
    return ParseScanName(FolderParts(stated), SplitScanName(fs::path(stated).filename().string()).stem).modality;
  }

  // A case's name: the subject that its first image's name means.
  static std::string CaseOf(const std::string& stated) {
    const std::string normal = fs::path(stated).lexically_normal().string();
    return ParseScanName(FolderParts(normal), SplitScanName(fs::path(normal).filename().string()).stem).subject;
  }

  Listing& listing_;
  std::vector<std::string> channels_;
};

}  // namespace

Recognition MsdLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) {
    if (!absl::EndsWith(folder.filename().string(), ".json") || !IsDatalistFile(folder, kMaxListBytes)) return {};
    return {99, "a .json list with training, validation or test"};
  }
  const std::vector<std::string> lists = ListsIn(folder);
  if (lists.empty()) return {};
  if (lists[0] == "dataset.json") return {85, "dataset.json lists training, validation or test images"};
  return {60, absl::StrCat(lists[0], " lists training, validation or test images")};
}

absl::StatusOr<ScanList> MsdLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const fs::path list,
                         FindList(folder, ListsIn, "datalist (.json with training, validation or test)"));
  AMAES_ASSIGN_OR_RETURN(Listing listing, Listing::Open(folder, list));
  absl::StatusOr<json> data = ParseJsonText(listing.text());
  const absl::Status status = data.ok() ? Reader(listing).Read(*data) : data.status();
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat(listing.name(), ": ", status.message()));
  return listing.Finish("msd", absl::StrCat("scan named by ", listing.name()));
}

}  // namespace amaes
