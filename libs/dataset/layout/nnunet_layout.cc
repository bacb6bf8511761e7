// Layout "nnunet": raw data of nnU-Net, one Dataset* or Task* folder or the folder above several: dataset.json, imagesTr
// and imagesTs with CASE_0000.nii.gz per channel, labelsTr (and labelsTs) with CASE.nii.gz. Each channel is a volume of
// its own; the label belongs to every channel of its case. subject = case. A dataset.json with `dataset` ({CASE: {"images":
// [one per channel], "label": …}}) names the files itself, as nnU-Net allows.
#include "libs/dataset/layout/nnunet_layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/channels.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/listing.h"
#include "libs/dataset/layout/tree.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxDatasetJsonBytes = std::size_t{64} << 20;
constexpr const char* kDatasetJson = "dataset.json";

absl::StatusOr<nlohmann::json> ReadDatasetJson(const fs::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(path, kMaxDatasetJsonBytes));
  return ParseJsonText(text);
}

// "case_0001" → "case", 1; channel -1 if there is no such number.
std::pair<std::string, int> SplitChannel(const std::string& stem) {
  int channel = -1;
  if (stem.size() > 5 && stem[stem.size() - 5] == '_') {
    const std::string digits = stem.substr(stem.size() - 4);
    const bool all = std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
    if (all && absl::SimpleAtoi(digits, &channel)) return {stem.substr(0, stem.size() - 5), channel};
  }
  return {stem, -1};
}

bool HasChannelNumbers(const fs::path& images) {
  for (const std::string& name : ListNames(images).files) {
    const auto [stem, ending] = SplitScanName(name);
    if (!ending.empty() && SplitChannel(stem).second >= 0) return true;
  }
  return false;
}

// One dataset folder: its files, sorted into cases.
class Dataset {
 public:
  Dataset(const Tree& tree, std::string prefix, ScanList& list)
      : tree_(tree), prefix_(std::move(prefix)), list_(list) {}

  absl::Status ReadJson() {
    AMAES_ASSIGN_OR_RETURN(const nlohmann::json json, ReadDatasetJson(tree_.root / prefix_ / kDatasetJson));
    AMAES_ASSIGN_OR_RETURN(channels_, ChannelNames(json));
    if (channels_.empty()) return absl::InvalidArgumentError("neither 'channel_names' nor 'modality'");
    if (const std::string ending = JsonText(json, "file_ending"); !ending.empty()) {
      if (SplitScanName(absl::StrCat("x", ending)).ending.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("'file_ending' is '", ending, "': only .nii.gz, .nii and .hdr are read"));
      }
    }
    if (const nlohmann::json& count = JsonMember(json, "numTraining"); count.is_number_integer()) {
      stated_cases_ = count.get<std::int64_t>();
    }
    return absl::OkStatus();
  }

  // `file` lies below this folder.
  void Take(const std::string& file) {
    const fs::path inside = fs::path(file).lexically_relative(prefix_.empty() ? "." : prefix_);
    const std::string folder = inside.parent_path().string();
    if (inside == kDatasetJson) return;  // skipped in Finish, with what does not fit
    if (std::string rule = NoScanRule(tree_, file); !rule.empty()) return Skip(file, std::move(rule));
    const std::string stem = SplitScanName(inside.filename().string()).stem;
    if (folder == "labelsTr" || folder == "labelsTs") {
      labels_[Key(folder.substr(6), stem)] = file;
    } else if (folder == "imagesTr" || folder == "imagesTs") {
      const auto [name, channel] = SplitChannel(stem);
      if (channel < 0) return Skip(file, "nnU-Net: no channel number _0000 in the name");
      if (channel >= static_cast<int>(channels_.size())) {
        return Skip(file, absl::StrCat("nnU-Net: channel ", channel, " is not in dataset.json"));
      }
      if (!cases_[Key(folder.substr(6), name)].emplace(channel, file).second) {
        Skip(file, "nnU-Net: a second file of this channel");
      }
    } else {
      Skip(file, "nnU-Net: lies neither in imagesTr, imagesTs nor labelsTr");
    }
  }

  void Finish() {
    std::int64_t training = 0;
    for (const auto& [key, channels] : cases_) {
      if (key.first == "Tr") ++training;
      TakeCase(key, channels);
    }
    for (const auto& [key, file] : labels_) {
      Skip(file, used_labels_.contains(key) ? "companion of a scan: label" : "nnU-Net: a label without its images");
    }
    std::string rule = "nnU-Net's description of the dataset";
    if (stated_cases_ >= 0 && stated_cases_ != training) {
      absl::StrAppend(&rule, "; it states ", stated_cases_, " training cases, imagesTr holds ", training);
    }
    Skip((fs::path(prefix_) / kDatasetJson).string(), std::move(rule));
  }

 private:
  using CaseKey = std::pair<std::string, std::string>;  // "Tr" or "Ts", and the case
  static CaseKey Key(const std::string& part, const std::string& name) { return {part, name}; }

  void Skip(const std::string& file, std::string rule) { list_.skipped.emplace_back(file, std::move(rule)); }

  void TakeCase(const CaseKey& key, const std::map<int, std::string>& channels) {
    const std::string& name = key.second;
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      const int channel = static_cast<int>(i);
      const auto found = channels.find(channel);
      if (found == channels.end()) {
        const std::string& there = channels.begin()->second;
        const std::string ending = SplitScanName(there).ending;
        const fs::path missing = fs::path(there).parent_path() / absl::StrFormat("%s_%04d%s", name, channel, ending);
        Skip(missing.string(),
             absl::StrCat("no such file: channel ", channel, " (", channels_[i], ") of the case is missing"));
        continue;
      }
      ScanFile file;
      file.source = found->second;
      file.subject = name;
      file.case_id = prefix_.empty() ? name : absl::StrCat(prefix_, "/", name);
      file.modality = ChannelModality(channels_[i]);
      file.collection = prefix_;
      if (!prefix_.empty()) file.subject = absl::StrCat(prefix_, "/", name);
      if (const auto label = labels_.find(key); label != labels_.end()) {
        file.companions.push_back({"label", tree_.root / label->second});
        used_labels_.insert(key);
      }
      list_.files.push_back(std::move(file));
    }
  }

  const Tree& tree_;
  const std::string prefix_;  // folder below the root, "" for the root itself
  ScanList& list_;
  std::vector<std::string> channels_;
  std::int64_t stated_cases_ = -1;
  std::map<CaseKey, std::map<int, std::string>> cases_;
  std::map<CaseKey, std::string> labels_;
  std::set<CaseKey> used_labels_;
};

bool IsDatasetFolder(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / kDatasetJson, error)) return false;
  if (HasChannelNumbers(folder / "imagesTr") || HasChannelNumbers(folder / "imagesTs")) return true;
  const absl::StatusOr<nlohmann::json> json = ReadDatasetJson(folder / kDatasetJson);
  return json.ok() && JsonMember(*json, "dataset").is_object();
}

absl::StatusOr<fs::path> StatedPath(const Listing& listing, const std::string& stated, const std::string& where) {
  if (const std::string defect = PathDefect(stated); !defect.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where, " ", defect));
  }
  return listing.root() / stated;
}

absl::Status ReadListedCase(const std::string& name, const nlohmann::json& entry,
                            const std::vector<std::string>& channels, Listing& listing) {
  const std::string where = absl::StrCat("dataset.", name);
  const nlohmann::json& images = JsonMember(entry, "images");
  if (!images.is_array() || images.size() != channels.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ".images: a list of ", channels.size(), " paths is expected, one per channel"));
  }
  const std::string label = JsonText(entry, "label");
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::string image_where = absl::StrCat(where, ".images[", i, "]");
    const std::string stated = images[i].is_string() ? images[i].get<std::string>() : "";
    ScanFile file;
    AMAES_ASSIGN_OR_RETURN(file.path, StatedPath(listing, stated, image_where));
    file.subject = file.case_id = name;
    file.modality = ChannelModality(channels[i]);
    if (!listing.Add(file, stated, image_where)) continue;
    if (!label.empty()) {
      AMAES_ASSIGN_OR_RETURN(const fs::path path, StatedPath(listing, label, where + ".label"));
      listing.AddCompanion(file, "label", path, label, where + ".label");
    }
    listing.Take(std::move(file));
  }
  return absl::OkStatus();
}

// A dataset.json that names its files.
absl::StatusOr<ScanList> ScanListed(const fs::path& folder, const nlohmann::json& json) {
  AMAES_ASSIGN_OR_RETURN(Listing listing, Listing::Open(folder, folder / kDatasetJson));
  absl::StatusOr<std::vector<std::string>> channels = ChannelNames(json);
  absl::Status status = channels.status();
  if (status.ok() && channels->empty()) {
    status = absl::InvalidArgumentError("neither 'channel_names' nor 'modality'");
  }
  for (const auto& [name, entry] : JsonMember(json, "dataset").items()) {
    if (status.ok()) status = ReadListedCase(name, entry, *channels, listing);
  }
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat(kDatasetJson, ": ", status.message()));
  return listing.Finish("nnunet", "scan named by dataset.json");
}

}  // namespace

Recognition NnunetLayout::Recognise(const fs::path& folder) {
  if (IsDatasetFolder(folder)) return {94, "dataset.json, and *_0000 channels in imagesTr or a list of cases in it"};
  for (const std::string& name : ListNames(folder).folders) {
    if (absl::StartsWith(name, "Dataset") || absl::StartsWith(name, "Task")) {
      if (IsDatasetFolder(folder / name)) return {93, absl::StrCat(name, " holds dataset.json and *_0000 channels")};
    }
  }
  return {};
}

absl::StatusOr<ScanList> NnunetLayout::Scan(const fs::path& folder) {
  if (const auto json = ReadDatasetJson(folder / kDatasetJson); json.ok() && JsonMember(*json, "dataset").is_object()) {
    return ScanListed(folder, *json);
  }
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  ScanList list;
  std::map<std::string, Dataset> datasets;
  const bool is_dataset = tree.Has(kDatasetJson);
  for (const std::string& file : tree.files) {
    const fs::path path(file);
    const bool is_top = is_dataset ? file == kDatasetJson
                                   : path.filename() == kDatasetJson && path.parent_path().has_filename() &&
                                         !path.parent_path().has_parent_path();
    if (!is_top) continue;
    const std::string prefix = path.parent_path().string();
    Dataset& dataset = datasets.try_emplace(prefix, tree, prefix, list).first->second;
    if (const absl::Status status = dataset.ReadJson(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": ", status.message()));
    }
  }
  if (datasets.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no dataset.json in ", folder.string(),
                                                   " or a folder in it: nnU-Net's raw data has one per dataset"));
  }
  for (const std::string& file : tree.files) {
    const std::string prefix = is_dataset ? "" : fs::path(file).begin()->string();
    const auto dataset = datasets.find(prefix);
    if (dataset == datasets.end())
      list.skipped.emplace_back(file, "nnU-Net: lies in no dataset");
    else
      dataset->second.Take(file);
  }
  for (auto& [prefix, dataset] : datasets) dataset.Finish();
  return FinishList("nnunet", tree, std::move(list), "imagesTr/CASE_0000.nii.gz");
}

}  // namespace amaes
