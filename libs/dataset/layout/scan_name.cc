#include "libs/dataset/layout/scan_name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace amaes {
namespace {

using Names = std::pair<absl::string_view, absl::string_view>;

// Lower-case word of a file name → modality.
constexpr std::array kModalities = {
    Names{"t1w", "T1w"},     Names{"t1", "T1w"},      Names{"mprage", "T1w"},     Names{"rage", "T1w"},
    Names{"spgr", "T1w"},    Names{"t1gd", "T1w-Gd"}, Names{"t1wgd", "T1w-Gd"},   Names{"t1c", "T1w-Gd"},
    Names{"t1ce", "T1w-Gd"}, Names{"gado", "T1w-Gd"}, Names{"gd", "T1w-Gd"},      Names{"t2w", "T2w"},
    Names{"t2", "T2w"},      Names{"flair", "FLAIR"}, Names{"t2flair", "FLAIR"},  Names{"tirm", "FLAIR"},
    Names{"pdw", "PDw"},     Names{"pd", "PDw"},      Names{"dp", "PDw"},         Names{"dwi", "DWI"},
    Names{"dti", "DWI"},     Names{"b0", "DWI"},      Names{"adc", "ADC"},        Names{"fa", "FA"},
    Names{"swi", "SWI"},     Names{"gre", "T2starw"}, Names{"t2star", "T2starw"}, Names{"t2starw", "T2starw"},
    Names{"bold", "BOLD"},   Names{"epi", "BOLD"},    Names{"fmri", "BOLD"},      Names{"asl", "ASL"},
    Names{"tof", "MRA"},     Names{"mra", "MRA"},     Names{"angio", "MRA"},      Names{"ct", "CT"},
    Names{"pet", "PET"},
};

constexpr std::array<absl::string_view, 4> kAmbiguousWords = {"pd", "dp", "fa", "ct"};

constexpr std::array<absl::string_view, 8> kVisitWords = {"visit",     "study",    "ses",      "session",
                                                          "timepoint", "baseline", "followup", "tp"};

// Words that name no subject: a file called only so is named by its folder.
constexpr std::array<absl::string_view, 15> kGenericWords = {
    "scan", "image", "img", "anat", "brain", "head", "vol", "volume", "mri", "mr", "orig", "raw", "nu", "norm", "rec"};

constexpr std::array<absl::string_view, 6> kSubjectWords = {"sub", "subj", "subject", "patient", "pat", "case"};

constexpr std::array<absl::string_view, 32> kLabelWords = {
    "lesion", "lesions", "tissue", "tissues",     "label",        "labels", "labelmap",     "mask",
    "masks",  "msk",     "seg",    "segs",        "segmentation", "dseg",   "probseg",      "aseg",
    "aparc",  "prob",    "probs",  "probability", "probmap",      "parc",   "parcellation", "parcels",
    "tumour", "tumours", "tumor",  "tumors",      "roi",          "rois",   "groundtruth",  "annotation"};

// BIDS entities whose values are free text and say nothing about what the file is.
constexpr std::array<absl::string_view, 6> kFreeEntities = {"sub-", "ses-", "acq-", "task-", "run-", "dir-"};

template <std::size_t kCount>
bool Contains(const std::array<absl::string_view, kCount>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct Word {
  std::string text;       // lower case
  std::size_t begin = 0;  // in the name
  std::size_t end = 0;
};

std::vector<Word> Words(const std::string& name) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < name.size();) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(name[i]))) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < name.size() && absl::ascii_isalnum(static_cast<unsigned char>(name[end]))) ++end;
    words.push_back({absl::AsciiStrToLower(name.substr(i, end - i)), i, end});
    i = end;
  }
  return words;
}

std::string WithoutDigits(std::string word) {
  while (!word.empty() && absl::ascii_isdigit(static_cast<unsigned char>(word.back()))) word.pop_back();
  return word;
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
}

// The modality that word `i` names, or "". Short words that also stand for a disease or a centre count at the end only.
absl::string_view ModalityAt(const std::vector<Word>& words, std::size_t i) {
  if (i >= words.size() || (Contains(kAmbiguousWords, words[i].text) && i + 1 < words.size())) return {};
  for (const auto& [known, modality] : kModalities) {
    if (known == words[i].text) return modality;
  }
  return {};
}

// The words' modality: the first known one; a FLAIR or a contrast agent that follows is more exact ("T2_FLAIR",
// "T1w-Gd").
std::string Modality(const std::vector<Word>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const absl::string_view first = ModalityAt(words, i);
    if (first.empty()) continue;
    const absl::string_view next = ModalityAt(words, i + 1);
    if (first == "T2w" && next == "FLAIR") return "FLAIR";
    if (first == "T1w" && next == "T1w-Gd") return "T1w-Gd";
    return std::string(first);
  }
  return {};
}

bool IsVisit(const Word& word) { return Contains(kVisitWords, WithoutDigits(word.text)); }

// "ses-X" or "ses_X" as a name part, "visit2", "study1", "visit-2"; as it is written, else "".
std::string Session(const std::string& name, const std::vector<Word>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!IsVisit(words[i])) continue;
    const bool has_number = WithoutDigits(words[i].text) != words[i].text;
    const bool entity = words[i].text == "ses";
    const bool next_belongs = !has_number && i + 1 < words.size() && words[i + 1].begin == words[i].end + 1 &&
                              (entity || AllDigits(words[i + 1].text));
    if (entity && !next_belongs) continue;
    return name.substr(words[i].begin, words[next_belongs ? i + 1 : i].end - words[i].begin);
  }
  return {};
}

// The part "sub-X" of a file name, else "".
std::string BidsSubject(const std::string& stem) {
  for (absl::string_view part : absl::StrSplit(stem, '_')) {
    if (part.size() > 4 && absl::StartsWith(part, "sub-")) return std::string(part);
  }
  return {};
}

// Whether a whole folder name is a subject's: "sub-X", "sub_X", "patient01", "Subject 7".
bool IsSubjectFolder(const std::string& folder) {
  if (folder.size() > 4 && (absl::StartsWith(folder, "sub-") || absl::StartsWith(folder, "sub_"))) return true;
  const std::vector<Word> words = Words(folder);
  if (words.size() == 1) {
    return WithoutDigits(words[0].text) != words[0].text && Contains(kSubjectWords, WithoutDigits(words[0].text));
  }
  return words.size() == 2 && Contains(kSubjectWords, words[0].text) && AllDigits(words[1].text);
}

// How many words from `i` on name a visit: "visit2" one, "visit 2" two.
std::size_t VisitLength(const std::vector<Word>& words, std::size_t i) {
  if (i >= words.size() || !IsVisit(words[i])) return 0;
  return WithoutDigits(words[i].text) == words[i].text && i + 1 < words.size() && AllDigits(words[i + 1].text) ? 2 : 1;
}

bool NamesSomebody(const std::vector<Word>& words, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    const bool generic = Contains(kGenericWords, WithoutDigits(words[i].text));
    if (!generic && !IsVisit(words[i]) && ModalityAt(words, i).empty()) return true;
  }
  return false;
}

// The name, after a visit that it begins with, up to its first modality or visit word or to its end; "" if that names
// nobody.
std::string SubjectPrefix(const std::string& stem, const std::vector<Word>& words) {
  const std::size_t begin = VisitLength(words, 0);
  std::size_t end = begin;
  while (end < words.size() && ModalityAt(words, end).empty() && !IsVisit(words[end])) ++end;
  if (!NamesSomebody(words, begin, end)) return {};
  if (begin == 0 && end == words.size()) return stem;
  return stem.substr(words[begin].begin, words[end - 1].end - words[begin].begin);
}

// nnU-Net's channel number at the end of a case in imagesTr, imagesTs or imagesVal.
std::string WithoutChannel(const std::vector<std::string>& folders, const std::string& stem) {
  const bool images = !folders.empty() && absl::StartsWith(folders.back(), "images");
  const bool channel = stem.size() > 5 && stem[stem.size() - 5] == '_' && AllDigits(stem.substr(stem.size() - 4));
  return images && channel ? stem.substr(0, stem.size() - 5) : stem;
}

std::string Subject(const std::vector<std::string>& folders, const std::string& stem, const std::vector<Word>& words) {
  for (const std::string& folder : folders) {
    if (IsSubjectFolder(folder)) return folder;
  }
  if (std::string subject = BidsSubject(stem); !subject.empty()) return subject;
  if (std::string prefix = SubjectPrefix(stem, words); !prefix.empty()) return prefix;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const std::vector<Word> parts = Words(*folder);
    if (NamesSomebody(parts, VisitLength(parts, 0), parts.size())) return *folder;
  }
  return stem;
}

}  // namespace

ScanName ParseScanName(const std::vector<std::string>& folders, const std::string& whole_stem) {
  const std::string stem = WithoutChannel(folders, whole_stem);
  const std::vector<Word> words = Words(stem);
  ScanName name{Subject(folders, stem, words), Session(stem, words), Modality(words)};
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const std::vector<Word> parts = Words(*folder);
    if (name.session.empty()) name.session = Session(*folder, parts);
    if (name.modality.empty()) name.modality = Modality(parts);
  }
  if (name.modality.empty()) name.modality = "unknown";
  return name;
}

std::string ModalityOf(const std::string& text) { return Modality(Words(text)); }

std::string LabelRule(const std::vector<std::string>& folders, const std::string& stem) {
  if (!folders.empty() && absl::StartsWith(folders.back(), "labels")) {
    return absl::StrCat("label by its folder: ", folders.back());
  }
  for (absl::string_view part : absl::StrSplit(stem, '_')) {
    const bool free = std::any_of(kFreeEntities.begin(), kFreeEntities.end(),
                                  [&](absl::string_view entity) { return absl::StartsWith(part, entity); });
    if (free) continue;
    for (const Word& word : Words(std::string(part))) {
      const std::string plain = WithoutDigits(word.text);
      if (Contains(kLabelWords, plain)) return absl::StrCat("label by its name: ", plain);
      if (absl::EndsWith(plain, "mask")) return "label by its name: mask";
    }
  }
  return absl::EqualsIgnoreCase(stem, "wmh") ? "label by its name: wmh" : "";
}

}  // namespace amaes
