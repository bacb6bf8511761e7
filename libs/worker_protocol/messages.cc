#include "libs/worker_protocol/messages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/utf8.h"
#include "proto/amaes/v1/worker.pb.h"

namespace amaes {
namespace {

std::string Text(const std::string& text) { return ReplaceInvalidUtf8(text, "?"); }

void ToProto(const WorkerStart& in, v1::WorkerCommand& message) {
  v1::WorkerStart& out = *message.mutable_start();
  out.set_protocol_version(in.protocol_version);
  out.set_job(Text(in.job));
  out.set_attempt(in.attempt);
  out.set_rank(in.rank);
  out.set_world_size(in.world_size);
  out.set_spec_json(Text(in.spec_json));
  out.set_job_folder(Text(in.job_folder));
  out.set_volumes_folder(Text(in.volumes_folder));
  out.set_dataset_folder(Text(in.dataset_folder));
  out.set_bind_address(Text(in.bind_address));
  out.set_device_index(in.device_index);
  out.set_first_lane(in.first_lane);
  out.set_last_lane(in.last_lane);
  out.set_staging_folder(Text(in.staging_folder));
  out.set_previous_folder(Text(in.previous_folder));
  out.set_probe_dataset_folder(Text(in.probe_dataset_folder));
}
WorkerStart FromProto(const v1::WorkerStart& in) {
  return {.protocol_version = in.protocol_version(),
          .job = in.job(),
          .attempt = in.attempt(),
          .rank = in.rank(),
          .world_size = in.world_size(),
          .spec_json = in.spec_json(),
          .job_folder = in.job_folder(),
          .volumes_folder = in.volumes_folder(),
          .dataset_folder = in.dataset_folder(),
          .bind_address = in.bind_address(),
          .device_index = in.device_index(),
          .first_lane = in.first_lane(),
          .last_lane = in.last_lane(),
          .staging_folder = in.staging_folder(),
          .previous_folder = in.previous_folder(),
          .probe_dataset_folder = in.probe_dataset_folder()};
}

void Fill(const KeyValue& in, v1::KeyValue& out) {
  out.set_key(Text(in.key));
  out.set_value(in.value);
  out.set_aborted(in.aborted);
}
KeyValue FromProto(const v1::KeyValue& in) { return {.key = in.key(), .value = in.value(), .aborted = in.aborted()}; }
void ToProto(const KeyValue& in, v1::WorkerCommand& message) { Fill(in, *message.mutable_value()); }
void ToProto(const KeyValue& in, v1::WorkerReport& message) { Fill(in, *message.mutable_set()); }

void ToProto(const WorkerStop& in, v1::WorkerCommand& message) { message.mutable_stop()->set_reason(Text(in.reason)); }

using ProtoMetrics = google::protobuf::Map<std::string, double>;
void Put(const MetricMap& in, ProtoMetrics& out) {
  for (const auto& [name, value] : in) out[Text(name)] = value;
}
MetricMap Take(const ProtoMetrics& in) { return MetricMap(in.begin(), in.end()); }

void ToProto(const WorkerHello& in, v1::WorkerReport& message) {
  message.mutable_hello()->set_protocol_version(in.protocol_version);
  message.mutable_hello()->set_software(Text(in.software));
}
void ToProto(const WorkerPhase& in, v1::WorkerReport& message) {
  message.mutable_phase()->set_phase(Text(in.phase));
  message.mutable_phase()->set_step(in.step);
}
void ToProto(const KeyWait& in, v1::WorkerReport& message) { message.mutable_wait()->set_key(Text(in.key)); }

void ToProto(const TrainProgress& in, v1::WorkerReport& message) {
  v1::TrainProgress& out = *message.mutable_progress();
  out.set_step(in.step);
  Put(in.metrics, *out.mutable_metrics());
  out.set_learning_rate(in.learning_rate);
  out.set_samples_per_second(in.samples_per_second);
  out.set_data_wait_ratio(in.data_wait_ratio);
  out.set_step_seconds(in.step_seconds);
  out.set_peak_memory_bytes(in.peak_memory_bytes);
  out.set_disk_bytes(in.disk_bytes);
  out.set_cache_hits(in.cache_hits);
}
TrainProgress FromProto(const v1::TrainProgress& in) {
  return {.step = in.step(),
          .metrics = Take(in.metrics()),
          .learning_rate = in.learning_rate(),
          .samples_per_second = in.samples_per_second(),
          .data_wait_ratio = in.data_wait_ratio(),
          .step_seconds = in.step_seconds(),
          .peak_memory_bytes = in.peak_memory_bytes(),
          .disk_bytes = in.disk_bytes(),
          .cache_hits = in.cache_hits()};
}

void ToProto(const ValidationResult& in, v1::WorkerReport& message) {
  v1::ValidationResult& out = *message.mutable_validation();
  out.set_step(in.step);
  out.set_split(Text(in.split));
  Put(in.metrics, *out.mutable_metrics());
}
ValidationResult FromProto(const v1::ValidationResult& in) {
  return {.step = in.step(), .split = in.split(), .metrics = Take(in.metrics())};
}

void ToProto(const PictureWritten& in, v1::WorkerReport& message) {
  message.mutable_picture()->set_step(in.step);
  message.mutable_picture()->set_split(Text(in.split));
  message.mutable_picture()->set_name(Text(in.name));
}

void ToProto(const CheckpointCommitted& in, v1::WorkerReport& message) {
  v1::CheckpointCommitted& out = *message.mutable_checkpoint();
  out.set_name(Text(in.name));
  out.set_step(in.step);
  out.set_manifest_sha256(Text(in.manifest_sha256));
  out.set_size_bytes(in.size_bytes);
  out.set_parent(Text(in.parent));
  Put(in.metrics, *out.mutable_metrics());
  out.set_stall_seconds(in.stall_seconds);
  out.set_persist_seconds(in.persist_seconds);
  out.set_best(in.best);
}
CheckpointCommitted FromProto(const v1::CheckpointCommitted& in) {
  return {.name = in.name(),
          .step = in.step(),
          .manifest_sha256 = in.manifest_sha256(),
          .size_bytes = in.size_bytes(),
          .parent = in.parent(),
          .metrics = Take(in.metrics()),
          .stall_seconds = in.stall_seconds(),
          .persist_seconds = in.persist_seconds(),
          .best = in.best()};
}

void ToProto(const CheckpointRejected& in, v1::WorkerReport& message) {
  message.mutable_rejected()->set_name(Text(in.name));
  message.mutable_rejected()->set_reason(Text(in.reason));
}
void ToProto(const CheckpointDeleted& in, v1::WorkerReport& message) {
  message.mutable_deleted()->set_name(Text(in.name));
}

void ToProto(const IngestCount& in, v1::WorkerReport& message) {
  v1::IngestCount& out = *message.mutable_ingest();
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
}
IngestCount FromProto(const v1::IngestCount& in) {
  return {.files = in.files(),
          .done = in.done(),
          .volumes = in.volumes(),
          .quarantined = in.quarantined(),
          .duplicates = in.duplicates(),
          .skipped = in.skipped(),
          .voxels = in.voxels(),
          .unchanged = in.unchanged(),
          .total_voxels = in.total_voxels(),
          .disk_bytes = in.disk_bytes(),
          .voxels_per_second = in.voxels_per_second(),
          .estimated_seconds = in.estimated_seconds()};
}

void ToProto(const EvaluationCount& in, v1::WorkerReport& message) {
  v1::EvaluationCount& out = *message.mutable_evaluation();
  out.set_cases(in.cases);
  out.set_done(in.done);
  out.set_cases_per_second(in.cases_per_second);
}
EvaluationCount FromProto(const v1::EvaluationCount& in) {
  return {.cases = in.cases(), .done = in.done(), .cases_per_second = in.cases_per_second()};
}

void ToProto(const EvaluationScores& in, v1::WorkerReport& message) {
  v1::EvaluationScores& out = *message.mutable_scores();
  for (const EvaluationScore& row : in.rows) {
    v1::EvaluationScores::Row& added = *out.add_rows();
    added.set_region(Text(row.region));
    added.set_measure(Text(row.measure));
    added.set_mean(row.mean);
    added.set_standard_deviation(row.standard_deviation);
    added.set_cases(row.cases);
    added.set_undefined(row.undefined);
    added.set_infinite(row.infinite);
  }
}
EvaluationScores FromProto(const v1::EvaluationScores& in) {
  EvaluationScores out;
  for (const v1::EvaluationScores::Row& row : in.rows()) {
    out.rows.push_back({row.region(), row.measure(), row.mean(), row.standard_deviation(), row.cases(), row.undefined(),
                        row.infinite()});
  }
  return out;
}

void ToProto(const DatasetStaged& in, v1::WorkerReport& message) {
  message.mutable_staged()->set_digest(Text(in.digest));
}
void ToProto(const WorkerFinished& in, v1::WorkerReport& message) {
  message.mutable_finished()->set_complete(in.complete);
  message.mutable_finished()->set_step(in.step);
}
void ToProto(const WorkerFailed& in, v1::WorkerReport& message) {
  message.mutable_failed()->set_reason(Text(in.reason));
  message.mutable_failed()->set_message(Text(in.message));
  message.mutable_failed()->set_retryable(in.retryable);
}

template <typename Message, typename Content>
std::string Encode(const Content& content) {
  Message message;
  std::visit([&](const auto& alternative) { ToProto(alternative, message); }, content);
  return message.SerializeAsString();
}

template <typename Message>
bool Parse(const std::string& bytes, Message& message) {
  // Protobuf writes a line for every string that is not UTF-8: a hostile peer would fill the log.
  const google::protobuf::LogSilencer silence;
  return message.ParseFromString(bytes);
}

absl::Status NotA(absl::string_view what, std::size_t size) {
  return absl::InvalidArgumentError(absl::StrCat(size, " bytes that are no ", what));
}

absl::Status WithoutContent(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("a ", what, " without content that this version (worker protocol ",
                                                 kWorkerProtocolVersion, ") knows"));
}

}  // namespace

bool TakesPart(const std::string& phase) {
  return phase == "train" || phase == "validate" || phase == "probe" || phase == "checkpoint" || phase == "scan" ||
         phase == "read" || phase == "publish" || phase == "predict" || phase == "report";
}

std::string EncodeCommand(const WorkerCommand& command) { return Encode<v1::WorkerCommand>(command); }
std::string EncodeReport(const WorkerReport& report) { return Encode<v1::WorkerReport>(report); }

absl::StatusOr<WorkerCommand> DecodeCommand(const std::string& bytes) {
  v1::WorkerCommand in;
  if (!Parse(bytes, in)) return NotA("worker command", bytes.size());
  switch (in.content_case()) {
    case v1::WorkerCommand::kStart:
      return FromProto(in.start());
    case v1::WorkerCommand::kValue:
      return FromProto(in.value());
    case v1::WorkerCommand::kStop:
      return WorkerStop{.reason = in.stop().reason()};
    case v1::WorkerCommand::CONTENT_NOT_SET:
      break;
  }
  return WithoutContent("worker command");
}

absl::StatusOr<WorkerReport> DecodeReport(const std::string& bytes) {
  v1::WorkerReport in;
  if (!Parse(bytes, in)) return NotA("worker report", bytes.size());
  using Report = v1::WorkerReport;
  switch (in.content_case()) {
    case Report::kHello:
      return WorkerHello{.protocol_version = in.hello().protocol_version(), .software = in.hello().software()};
    case Report::kPhase:
      return WorkerPhase{.phase = in.phase().phase(), .step = in.phase().step()};
    case Report::kSet:
      return FromProto(in.set());
    case Report::kWait:
      return KeyWait{.key = in.wait().key()};
    case Report::kProgress:
      return FromProto(in.progress());
    case Report::kValidation:
      return FromProto(in.validation());
    case Report::kCheckpoint:
      return FromProto(in.checkpoint());
    case Report::kRejected:
      return CheckpointRejected{.name = in.rejected().name(), .reason = in.rejected().reason()};
    case Report::kDeleted:
      return CheckpointDeleted{.name = in.deleted().name()};
    case Report::kIngest:
      return FromProto(in.ingest());
    case Report::kEvaluation:
      return FromProto(in.evaluation());
    case Report::kScores:
      return FromProto(in.scores());
    case Report::kStaged:
      return DatasetStaged{.digest = in.staged().digest()};
    case Report::kFinished:
      return WorkerFinished{.complete = in.finished().complete(), .step = in.finished().step()};
    case Report::kFailed:
      return WorkerFailed{
          .reason = in.failed().reason(), .message = in.failed().message(), .retryable = in.failed().retryable()};
    case Report::kPicture:
      return PictureWritten{.step = in.picture().step(), .split = in.picture().split(), .name = in.picture().name()};
    case Report::CONTENT_NOT_SET:
      break;
  }
  return WithoutContent("worker report");
}

}  // namespace amaes
