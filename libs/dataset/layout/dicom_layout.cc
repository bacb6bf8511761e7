// Layout "dicom": DICOM files (by their mark, whatever their name) at any depth; one scan per series and folder, called by
// its folder, or FOLDER/SERIES where a folder holds several series. Subject: the patient id, else by the folder names as
// "folder" does; session: the study's date; modality: by the series' description, else by the folder names.
#include "libs/dataset/layout/dicom_layout.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/dicom_file.h"
#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kDirectoryClass = "1.2.840.10008.1.3.10";
constexpr int kGlanceFiles = 8;
constexpr int kGlanceFolders = 64;

// How many of the first files below `folder` are DICOM.
void Glance(const fs::path& folder, int& folders, int& files, int& dicom) {
  if (++folders > kGlanceFolders) return;
  const Names names = ListNames(folder);
  for (const std::string& file : names.files) {
    if (files >= kGlanceFiles) return;
    ++files;
    if (ReadDicomHeader(folder / file).ok()) ++dicom;
  }
  for (const std::string& name : names.folders) {
    if (files >= kGlanceFiles) return;
    Glance(folder / name, folders, files, dicom);
  }
}

std::string Clean(const std::string& text) { return ReplaceInvalidUtf8(text, "?"); }

ScanFile Describe(const std::string& folder, const DicomHeader& header) {
  ScanFile file;
  file.dicom = true;
  std::vector<std::string> folders;
  for (const fs::path& part : fs::path(folder)) folders.push_back(part.string());
  const std::string stem = folders.empty() ? "" : folders.back();
  if (!folders.empty()) folders.pop_back();
  const ScanName guess = ParseScanName(folders, stem);
  file.subject = header.patient.empty() ? guess.subject : Clean(header.patient);
  if (file.subject.empty()) file.subject = "unknown";
  file.session = header.study_date.empty() ? guess.session : Clean(header.study_date);
  file.modality = ModalityOf(header.series_description);
  if (file.modality.empty()) file.modality = guess.modality;
  PutFact(file.info, "manufacturer", header.manufacturer);
  PutFact(file.info, "scanner", header.scanner);
  PutFact(file.info, "field_strength_t", header.field_strength_t);
  PutFact(file.info, "echo_time_ms", header.echo_time_ms);
  PutFact(file.info, "repetition_time_ms", header.repetition_time_ms);
  PutFact(file.info, "age_years", header.age);
  PutFact(file.info, "sex", header.sex);
  return file;
}

}  // namespace

Recognition DicomLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return {};
  int folders = 0, files = 0, dicom = 0;
  Glance(folder, folders, files, dicom);
  if (dicom == 0) return {};
  return {50, absl::StrCat(dicom, " of the first ", files, " files are DICOM")};
}

absl::StatusOr<ScanList> DicomLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  ScanList list;
  std::map<std::string, std::map<std::string, DicomHeader>> series;  // folder → series → its first file
  for (const std::string& path : tree.files) {
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(tree.root / path);
    std::string rule;
    if (!header.ok())
      rule = absl::IsInvalidArgument(header.status()) ? "not a DICOM file" : std::string(header.status().message());
    else if (header->sop_class == kDirectoryClass)
      rule = "DICOM: the directory of a disc";
    else if (!header->modality.empty() && header->modality != "MR")
      rule = absl::StrCat("DICOM: modality ", Clean(header->modality), ", not MR");
    if (rule.empty())
      series[fs::path(path).parent_path().string()].emplace(header->series_uid, *header);
    else
      list.skipped.emplace_back(path, std::move(rule));
  }
  for (const auto& [below, in_folder] : series) {
    for (const auto& [uid, header] : in_folder) {
      ScanFile file = Describe(below, header);
      file.path = below.empty() ? tree.root : tree.root / below;
      file.member = Clean(uid);
      const std::string name = file.member.empty() ? "series" : file.member;
      file.source = in_folder.size() == 1 && !below.empty() ? below : (fs::path(below) / name).string();
      list.files.push_back(std::move(file));
    }
  }
  return FinishList("dicom", tree, std::move(list), "DICOM file of modality MR");
}

}  // namespace amaes
