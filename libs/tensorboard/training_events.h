// What rank 0 of a training job reports, as TensorBoard's events: one file per attempt, in jobs/JOB/tensorboard.
//
//   train/loss_masked …         of training steps: every metric, and learning rate, speed, waiting
//   validation/held_out/…       of a validation's split
//   reconstruction/held_out     its picture
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/tensorboard/event_file.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// Training steps are thinned out: one is written when the last one written is older than 1/2000 of the attempt's age so far,
// and the newest at the end. metrics.jsonl has them all. Not thread-safe.
class TrainingEvents {
 public:
  TrainingEvents(std::filesystem::path job_folder, AttemptNumber attempt)
      : job_folder_(std::move(job_folder)), attempt_(attempt) {}

  // The file is made when the attempt says at which step it goes on; from there its events replace those of earlier attempts.
  //   - I/O errors of EventFile, of making the folder and of reading a picture.
  absl::Status Note(const WorkerReport& report, absl::Time now);
  // Writes what was held back. Errors as EventFile::AddScalars.
  absl::Status Finish();

 private:
  absl::Status Begin(std::int64_t first_step, absl::Time now);
  absl::Status Write(const TrainProgress& progress, absl::Time now);

  const std::filesystem::path job_folder_;
  const AttemptNumber attempt_;
  std::optional<EventFile> file_;
  absl::Time begun_, written_ = absl::InfinitePast();
  struct Held {
    TrainProgress progress;
    absl::Time time;
  };
  std::optional<Held> held_;
};

}  // namespace amaes
