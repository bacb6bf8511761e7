// Which training volumes a job reads, and how often in a pass. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/sample_stream.h"
#include "libs/dataset/selection_filter.h"

namespace amaes {

// The list that a pass goes through: each selected volume as often as it repeats, in the order of the catalogue.
struct Selection {
  // SHA-256 over the version's digest and the list (index, repeats, voxel digest of each volume). Empty where neither
  // filter nor repeats are given: the list is then every training volume once.
  std::string digest;
  std::vector<std::int64_t> volumes;     // indices into the training volumes, ascending
  std::vector<std::int64_t> ends;        // of the list after volumes[i]
  std::vector<std::int64_t> held_out;    // indices into the held-out volumes, ascending: those of the filter
  bool filter_left_no_held_out = false;  // then held_out is all of them

  std::int64_t size() const { return ends.empty() ? 0 : ends.back(); }
  // The training volume at `place` in [0, size()) of the list. O(log volumes).
  std::int64_t VolumeAt(std::int64_t place) const;
  // How often a pass visits volumes[i].
  std::int64_t Repeats(std::size_t i) const { return ends[i] - (i == 0 ? 0 : ends[i - 1]); }
};

// One thing that is wrong with filter or repeats.
struct SelectionProblem {
  std::string field;  // "filter" or "repeats"
  std::string message;
};

// What can be said without a catalogue: the syntax of both. Empty: none.
std::vector<SelectionProblem> CheckSelection(const std::string& filter, const std::string& repeats);

// Sets `out`, or says what is wrong: syntax; an info key that no volume has; a filter that leaves no training volume (with
// what each term removed); a repeat rule that applies to none. Empty filter and repeats always resolve.
std::vector<SelectionProblem> ResolveSelection(const DatasetVersion& version, const std::string& filter,
                                               const std::string& repeats, Selection& out);
// The same as a status.   - InvalidArgument: all that is wrong.
absl::StatusOr<Selection> ResolveSelection(const DatasetVersion& version, const std::string& filter,
                                           const std::string& repeats);

// The sample stream of a selection: a pass goes once through its list. Keyed by the selection's digest, or by the
// dataset's where that is empty.
class SelectedStream {
 public:
  // selection.size() > 0.
  SelectedStream(std::uint64_t seed, const std::string& dataset_digest, Selection selection);

  // Index into the training volumes.
  std::int64_t VolumeAt(std::int64_t position) const { return selection_.VolumeAt(stream_.VolumeAt(position)); }
  std::int64_t PassOf(std::int64_t position) const { return stream_.PassOf(position); }
  std::int64_t pass_length() const { return stream_.volumes(); }
  std::uint64_t draw_seed() const { return stream_.draw_seed(); }
  const Selection& selection() const { return selection_; }

 private:
  Selection selection_;
  SampleStream stream_;
};

}  // namespace amaes
