#include "libs/tensorboard/training_events.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

constexpr int kEventsPerAge = 2000;
constexpr std::size_t kLargestPicture = std::size_t{32} << 20;

std::vector<EventFile::Scalar> Tagged(const std::string& prefix, const MetricMap& metrics) {
  std::vector<EventFile::Scalar> scalars;
  for (const auto& [name, value] : metrics) scalars.emplace_back(prefix + name, value);
  return scalars;
}

}  // namespace

absl::Status TrainingEvents::Note(const WorkerReport& report, absl::Time now) {
  if (const auto* phase = std::get_if<WorkerPhase>(&report)) {
    const bool begins = phase->phase == "train" || phase->phase == "validate" || phase->phase == "probe";
    // `step` updates are done. Before the first one a validation of step 0 may come.
    if (begins && !file_) return Begin(phase->step == 0 ? 0 : phase->step + 1, now);
    return absl::OkStatus();
  }
  if (!file_) return absl::OkStatus();
  if (const auto* progress = std::get_if<TrainProgress>(&report)) {
    if (now - written_ >= (now - begun_) / kEventsPerAge) return Write(*progress, now);
    held_ = Held{*progress, now};
  } else if (const auto* validation = std::get_if<ValidationResult>(&report)) {
    return file_->AddScalars(validation->step, now,
                             Tagged(absl::StrCat("validation/", validation->split, "/"), validation->metrics));
  } else if (const auto* picture = std::get_if<PictureWritten>(&report)) {
    AMAES_ASSIGN_OR_RETURN(const std::string png,
                           files::Read(job_folder_ / "pictures" / picture->name, kLargestPicture));
    return file_->AddImage(picture->step, now, absl::StrCat("reconstruction/", picture->split), png);
  }
  return absl::OkStatus();
}

absl::Status TrainingEvents::Begin(std::int64_t first_step, absl::Time now) {
  const std::filesystem::path folder = job_folder_ / "tensorboard";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  // Names sort as attempts do.
  const std::string name = absl::StrFormat("events.out.tfevents.%010d.amaes", attempt_);
  AMAES_ASSIGN_OR_RETURN(EventFile file, EventFile::Create(folder / name, first_step, now));
  file_.emplace(std::move(file));
  begun_ = now;
  return absl::OkStatus();
}

absl::Status TrainingEvents::Write(const TrainProgress& progress, absl::Time now) {
  held_.reset();
  written_ = now;
  std::vector<EventFile::Scalar> scalars = Tagged("train/", progress.metrics);
  scalars.emplace_back("train/learning_rate", progress.learning_rate);
  scalars.emplace_back("train/samples_per_second", progress.samples_per_second);
  scalars.emplace_back("train/step_seconds", progress.step_seconds);
  scalars.emplace_back("train/data_wait_ratio", progress.data_wait_ratio);
  return file_->AddScalars(progress.step, now, scalars);
}

absl::Status TrainingEvents::Finish() {
  if (!held_) return absl::OkStatus();
  const Held last = *held_;
  return Write(last.progress, last.time);
}

}  // namespace amaes
