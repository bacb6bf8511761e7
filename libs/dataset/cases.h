// Labelled cases of a dataset version: the volumes that a network sees at once, and their label map. Pure.
//
// A case lies on the grid of its first channel (as stored: cropped to that channel's foreground); the other channels and
// the label lie on the same grid up to whole voxels, for every stored volume has a crop box of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/labels.h"

namespace amaes {

// A volume or a label map of a case.
struct CasePart {
  std::int64_t entry = 0;  // index into the version's entries
  Shape3 offset{};         // its voxel that lies where voxel (0, 0, 0) of the case does; may be negative
  bool operator==(const CasePart&) const = default;
};

struct LabelledCase {
  std::string key;  // stands for the case where names must not be: the first 12 digits of its first volume's name
  std::vector<CasePart> channels;
  CasePart label;             // of the entry that has the label map
  std::size_t companion = 0;  // which of that entry's companions it is
  Shape3 shape{};
  bool operator==(const LabelledCase&) const = default;
};

struct CaseOptions {
  std::string filter{};                 // as EntryFilter
  std::vector<std::string> channels{};  // modalities in the network's order; empty: each labelled volume is a case
  std::int64_t train_cases = 0;         // few-shot: as many of the training cases; 0 = all
  double validation_share = 0.2;        // of the subjects that are not held out; in [0, 1)
  std::uint64_t seed = 1;               // of the division and of the choice
  bool for_training = true;             // without a training case nothing can be done
};

struct LabelledCases {
  // Training and validation divide the labelled subjects of the version's training split; test is its held-out split,
  // never trained on. Cases in the order of the catalogue, few-shot training cases too.
  std::vector<LabelledCase> train, validation, test;
  // SHA-256 over the version's digest, and channels and labels of every training and validation case.
  std::string digest;
  std::vector<std::string> notes;  // for the user: what was left out, and why
  std::int64_t channels = 1;
};

// The subjects in the order of a keyed hash: the first share of them is validation; so a subject stays where it is when
// others come. Training cases are ordered in the same way: n of them are the first n, whatever n.
//   - InvalidArgument: the filter.
//   - FailedPrecondition: no labelled case; channels that are not there or are there twice; grids that do not meet; fewer
//     training cases than asked for. The message says what to do; cases are named by their keys.
absl::StatusOr<LabelledCases> FindCases(const DatasetVersion& version, const CaseOptions& options);

const Companion& LabelOf(const DatasetVersion& version, const LabelledCase& labelled);

// Label maps of all training and validation cases.
std::vector<const Companion*> LabelsOf(const DatasetVersion& version, const LabelledCases& cases);

// Checks every training and validation case whose values the catalogue knows.
//   - FailedPrecondition: names cases by key with the values that `labels` does not declare.
absl::Status CheckLabelValues(const DatasetVersion& version, const LabelledCases& cases, const LabelSet& labels);

// Names of the classes that no training case has: nothing can be learnt of them. Empty where values are not known.
std::vector<std::string> AbsentClasses(const DatasetVersion& version, const LabelledCases& cases,
                                       const LabelSet& labels);

}  // namespace amaes
