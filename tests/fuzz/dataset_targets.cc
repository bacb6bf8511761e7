#include "tests/fuzz/dataset_targets.h"

#include <zip.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/base/utf8.h"
#include "libs/dataset/archive.h"
#include "libs/dataset/dicom_header.h"
#include "libs/dataset/layout.h"
#include "libs/dataset/layout/bids_sidecars.h"
#include "libs/dataset/layout/channels.h"
#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/npy_layout.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/table.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/targets.h"
#include "tests/unit/dataset/dicom_bytes.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

void CheckInfo(const ScanInfo& info) {
  for (const auto& [key, value] : info) {
    Require(!value.empty() && value.size() <= 128 && IsUtf8(value), "a fact is one short line of UTF-8");
    for (const char c : value) Require(static_cast<unsigned char>(c) >= 32, "a fact is one line");
  }
}

// A folder with one scan, one label, and a place for the list; there for the life of the process.
class ListFolder {
 public:
  ListFolder() {
    for (const char* path : {"a.nii", "l.nii", "imagesTr/c_0000.nii", "labelsTr/c.nii", "sub-1/anat/sub-1_T1w.nii"}) {
      fs::create_directories((root() / path).parent_path());
      std::ofstream(root() / path) << "x";
    }
  }
  const fs::path& root() const { return folder_.path(); }
  void Write(const char* name, absl::string_view text) const {
    std::ofstream out(root() / name, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
  }

 private:
  TempDir folder_;
};

void CheckList(const absl::StatusOr<ScanList>& list) {
  if (!list.ok()) {
    Require(!list.status().message().empty(), "an error says something");
    return;
  }
  for (const ScanFile& file : list->files) {
    Require(!file.source.empty() && !file.modality.empty(), "a scan has a name and a modality");
    Require(IsUtf8(file.source) && IsUtf8(file.subject), "names are UTF-8");
    CheckInfo(file.info);
  }
}

struct ListKind {
  const char* layout;
  const char* name;  // of the list
  bool is_folder;
};
constexpr ListKind kListKinds[] = {
    {"csv", "list.csv", false},         {"csv", "list.tsv", false}, {"csv", "list.jsonl", false},
    {"msd", "list.json", false},        {"nnssl", "p.json", false}, {"nnunet", "dataset.json", true},
    {"bids", "participants.tsv", true},
};

}  // namespace

void FuzzTable(absl::string_view input) {
  if (input.empty()) return;
  const absl::string_view text = input.substr(1);
  const absl::StatusOr<Table> table = (input[0] & 3) == 0   ? ParseTable(text, '\t')
                                      : (input[0] & 3) == 1 ? ParseJsonLines(text)
                                                            : ParseTable(text, ',');
  if (!table.ok()) return;
  Require(!table->columns.empty(), "a table has columns");
  const FactColumns facts(*table);
  for (const TableRow& row : table->rows) {
    ScanInfo info;
    facts.Put(row, info);
    CheckInfo(info);
  }
}

std::vector<std::string> TableSeeds() {
  return {"\x02path,subject,\"age\"\r\n\"a,\"\"b\",p1,034Y\r\nc,,89+\n",
          std::string(1, '\0') + "participant_id\tage\tsex\tEchoTime\tRepetitionTime\nsub-1\t18-24\tF\t0.003\t2.3\n",
          "\x01{\"path\": \"a\", \"sex\": \"m\", \"field_strength\": 15000}\n{\"path\": \"b\", \"age\": null}\n"};
}

void FuzzJson(absl::string_view input) {
  ScanInfo info;
  if (PutSidecar(input, info).ok()) CheckInfo(info);
  const absl::StatusOr<nlohmann::json> json = ParseJsonText(input);
  if (!json.ok()) return;
  const absl::StatusOr<std::vector<std::string>> channels = ChannelNames(*json);
  if (!channels.ok()) return;
  for (const std::string& name : *channels) Require(!ChannelModality(name).empty(), "a channel has a modality");
}

std::vector<std::string> JsonSeeds() {
  return {R"({"Manufacturer": "Siemens", "MagneticFieldStrength": 3, "EchoTime": 0.00456, "RepetitionTime": 2.3})",
          R"({"channel_names": {"0": "T1", "1": "t2_flair"}, "labels": {"background": 0}, "file_ending": ".nii.gz"})",
          R"({"modality": ["FLAIR", "t1gd"], "x": [[[1e3, -0.5, true, null, "\u00e9\n"]]]})"};
}

void FuzzList(absl::string_view input) {
  static const ListFolder folder;
  if (input.empty()) return;
  const ListKind& kind = kListKinds[static_cast<unsigned char>(input[0]) % std::size(kListKinds)];
  folder.Write(kind.name, input.substr(1));
  CheckList((*MakeLayout(kind.layout))->Scan(kind.is_folder ? folder.root() : folder.root() / kind.name));
  if (kind.is_folder) fs::remove(folder.root() / kind.name);
}

std::vector<std::string> ListSeeds() {
  const std::string image = R"({"name": "x", "modality": "T1w", "image_path": "$r/a.nii", "image_info": {"age": 3},
    "associated_masks": {"anatomy_mask": "l.nii", "anonymization_mask": null}})";
  return {
      std::string(1, '\0') + "path,subject,session,modality,label,frame\na.nii,p,v,T1w,l.nii,0\nno.nii,,,,,\n",
      "\x01path\tage\na.nii\t3\n",
      "\x02{\"path\": \"a.nii\", \"case\": \"c\"}\n",
      "\x03{\"modality\": {\"0\": \"T1\", \"1\": \"T2\"}, \"training\": [{\"image\": \"a.nii\", \"label\": \"l.nii\"}],"
      " \"test\": [\"./a.nii\", {\"image\": [\"a.nii\", \"l.nii\"]}]}",
      "\x04{\"datasets\": {\"d\": {\"name\": null, \"subjects\": {\"s\": {\"subject_info\": {}, \"sessions\": {\"v\": "
      "{\"images\": [" +
          image + "]}}}}}}}",
      "\x05{\"channel_names\": {\"0\": \"T1\"}, \"numTraining\": 1, \"file_ending\": \".nii\"}",
      "\x06participant_id\tage\tsex\nsub-1\t33\tM\n"};
}

void FuzzScanName(absl::string_view input) {
  const std::string path(input);  // of a view without data StrSplit makes no part at all
  std::vector<std::string> folders = absl::StrSplit(path, '/');
  const std::string stem = folders.back();
  folders.pop_back();
  const ScanName name = ParseScanName(folders, stem);
  Require(!name.modality.empty(), "a scan has a modality");
  LabelRule(folders, stem);
  ParseBidsName(stem);
  ScanFile file;
  ReadPreprocessedName(folders, stem, file);
  Require(!file.modality.empty(), "an array has a modality");
}

std::vector<std::string> ScanNameSeeds() {
  return {"sub-01/ses-2/anat/sub-01_ses-2_acq-x_T1w", "patient 7/visit2/T2_FLAIR", "imagesTr/BRATS_001_0003",
          "PPMI_#_3102_#_T1-anatomical_#_20110301_#_I1_#_x", "sub_1_ses_2_t1"};
}

void FuzzArchive(absl::string_view input) {
  const absl::StatusOr<ArchiveList> list = ListArchiveBytes(input);
  if (!list.ok()) return;
  for (const ArchiveMember& member : list->members) {
    Require(!member.name.empty() && member.name.front() != '/' && IsUtf8(member.name), "a member's name is harmless");
    for (const absl::string_view part : absl::StrSplit(member.name, '/')) Require(part != "..", "no way out");
  }
  static const TempDir folder;
  const fs::path path = folder.path() / "a.zip";
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(input.data(), static_cast<std::streamsize>(input.size()));
  constexpr std::uint64_t kLimit = 1 << 16;
  for (std::size_t i = 0; i < list->members.size() && i < 4; ++i) {
    const absl::StatusOr<std::string> content = ReadArchiveMember(path, list->members[i].name, kLimit);
    if (content.ok()) Require(content->size() <= kLimit, "no more than the limit");
  }
}

std::vector<std::string> ArchiveSeeds() {
  std::vector<std::string> seeds;
  const TempDir folder;
  const fs::path path = folder.path() / "a.zip";
  for (const std::string& content : {std::string("short"), std::string(5000, 'x')}) {
    int error = 0;
    zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
    for (const char* name : {"anat/sub-01_T1w.nii.gz", "a.txt"}) {
      zip_file_add(archive, name, zip_source_buffer(archive, content.data(), content.size(), 0), ZIP_FL_ENC_UTF_8);
    }
    zip_close(archive);
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

void FuzzDicomHeader(absl::string_view input) { ParseDicomHeader(input); }

std::vector<std::string> DicomHeaderSeeds() { return {DicomBytes({}), DicomBytes({.implicit = true})}; }

}  // namespace amaes
