#include "services/coordinator/job_view.h"

#include <algorithm>
#include <cmath>

#include "libs/rpc/convert.h"

namespace amaes {
namespace {

v1::TrainingProgress TrainingOf(const JobView& view) {
  const JobProgress& in = view.progress;
  v1::TrainingProgress out;
  out.set_step(in.training.step);
  out.set_total_steps(view.spec.training().schedule.steps);
  out.mutable_metrics()->insert(in.training.metrics.begin(), in.training.metrics.end());
  out.set_learning_rate(in.training.learning_rate);
  out.set_samples_per_second(in.training.samples_per_second);
  out.set_data_wait_ratio(in.training.data_wait_ratio);
  out.set_step_seconds(in.training.step_seconds);
  out.set_eta_seconds(TrainingEta(view));
  out.set_checkpoint_step(in.checkpoint_step);
  if (IsTimestamp(in.checkpoint_time)) *out.mutable_checkpoint_time() = ToTimestamp(in.checkpoint_time);
  for (const ValidationResult& validation : in.validations) {
    v1::Validation* added = out.add_validations();
    added->set_step(validation.step);
    added->set_split(validation.split);
    added->mutable_metrics()->insert(validation.metrics.begin(), validation.metrics.end());
  }
  if (IsTimestamp(in.updated)) *out.mutable_update_time() = ToTimestamp(in.updated);
  out.set_phase(in.phase);
  out.set_peak_memory_bytes(in.training.peak_memory_bytes);
  out.set_disk_bytes(in.training.disk_bytes);
  out.set_cache_hits(in.training.cache_hits);
  return out;
}

v1::IngestProgress IngestOf(const JobView& view) {
  const IngestCount& in = view.progress.ingest;
  v1::IngestProgress out;
  out.set_files(in.files);
  out.set_done(in.done);
  out.set_volumes(in.volumes);
  out.set_quarantined(in.quarantined);
  out.set_duplicates(in.duplicates);
  out.set_skipped(in.skipped);
  out.set_voxels(in.voxels);
  out.set_unchanged(in.unchanged);
  out.set_total_voxels(in.total_voxels);
  out.set_disk_bytes(in.disk_bytes);
  out.set_voxels_per_second(in.voxels_per_second);
  out.set_estimated_seconds(in.estimated_seconds);
  out.set_phase(view.progress.phase);
  out.set_eta_seconds(IngestEta(view));
  return out;
}

v1::EvaluationProgress EvaluationOf(const JobView& view) {
  const JobProgress& in = view.progress;
  v1::EvaluationProgress out;
  out.set_cases(in.evaluation.cases);
  out.set_done(in.evaluation.done);
  out.set_eta_seconds(EvaluationEta(view));
  const double rate = in.evaluation.cases_per_second;
  if (rate > 0)
    out.set_seconds_per_case(static_cast<double>(std::max<std::size_t>(1, in.evaluation_ranks.size())) / rate);
  out.set_phase(in.phase);
  for (const EvaluationScore& score : in.scores) {
    v1::EvaluationScore* added = out.add_scores();
    added->set_region(score.region);
    added->set_measure(score.measure);
    added->set_mean(score.mean);
    added->set_standard_deviation(score.standard_deviation);
    added->set_cases(score.cases);
    added->set_undefined(score.undefined);
    added->set_infinite(score.infinite);
  }
  return out;
}

}  // namespace

double TrainingEta(const JobView& view) {
  const double left = static_cast<double>(view.spec.training().schedule.steps - view.progress.training.step);
  const double eta = left * view.progress.training.step_seconds;
  return view.record.state == JobState::kRunning && std::isfinite(eta) ? std::max(eta, 0.0) : 0;
}

double IngestEta(const JobView& view) {
  const IngestCount& ingest = view.progress.ingest;
  if (view.record.state != JobState::kRunning) return 0;
  // Until the first file is done, what the headers promised.
  if (ingest.voxels == 0 || !(ingest.voxels_per_second > 0)) return ingest.estimated_seconds;
  const auto left = static_cast<double>(ingest.total_voxels - ingest.voxels);
  return std::max(0.0, left / ingest.voxels_per_second);
}

double EvaluationEta(const JobView& view) {
  const EvaluationCount& evaluation = view.progress.evaluation;
  if (view.record.state != JobState::kRunning || !(evaluation.cases_per_second > 0)) return 0;
  return static_cast<double>(evaluation.cases - evaluation.done) / evaluation.cases_per_second;
}

double JobEta(const JobView& view) {
  if (view.spec.trains()) return TrainingEta(view);
  return view.spec.kind == JobKind::kEvaluate ? EvaluationEta(view) : IngestEta(view);
}

double ShareDone(const JobView& view) {
  if (view.record.state == JobState::kSucceeded) return 1;
  const JobProgress& p = view.progress;
  std::int64_t done = p.ingest.done, all = p.ingest.files;
  if (view.spec.trains()) {
    done = p.training.step;
    all = view.spec.training().schedule.steps;
  } else if (view.spec.kind == JobKind::kEvaluate) {
    done = p.evaluation.done;
    all = p.evaluation.cases;
  }
  return all > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(all), 0.0, 1.0) : 0;
}

v1::Job ToProto(const JobView& view, const std::filesystem::path& folder) {
  const JobRecord& record = view.record;
  v1::Job out;
  out.set_id(record.id.value);
  *out.mutable_spec() = ToProto(view.spec);
  out.set_state(ToProto(record.state));
  out.set_reason(record.reason);
  out.set_message(record.message);
  out.set_attempt(record.attempt);
  out.set_restarts(static_cast<std::int32_t>(record.budget.restarts));
  if (IsTimestamp(record.created)) *out.mutable_create_time() = ToTimestamp(record.created);
  if (IsTimestamp(record.started)) *out.mutable_start_time() = ToTimestamp(record.started);
  if (IsTimestamp(record.ended)) *out.mutable_end_time() = ToTimestamp(record.ended);
  if (view.spec.trains()) {
    *out.mutable_training() = TrainingOf(view);
  } else if (view.spec.kind == JobKind::kIngest) {
    *out.mutable_ingest() = IngestOf(view);
  } else {
    *out.mutable_evaluation() = EvaluationOf(view);
  }
  *out.mutable_estimate() = ToProto(EstimateSpec(view.spec));
  out.set_dataset_version(record.dataset);
  out.set_folder(folder.string());
  return out;
}

}  // namespace amaes
