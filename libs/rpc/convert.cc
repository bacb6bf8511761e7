#include "libs/rpc/convert.h"

#include "absl/strings/str_cat.h"

namespace amaes {

bool IsTimestamp(absl::Time time) { return time != absl::InfinitePast() && time != absl::InfiniteFuture(); }

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp out;
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  if (timestamp.seconds() == 0 && timestamp.nanos() == 0) return absl::InfinitePast();
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

v1::JobKind ToProto(JobKind kind) {
  switch (kind) {
    case JobKind::kPretrain:
      return v1::JOB_KIND_PRETRAIN;
    case JobKind::kFinetune:
      return v1::JOB_KIND_FINETUNE;
    case JobKind::kEvaluate:
      return v1::JOB_KIND_EVALUATE;
    case JobKind::kIngest:
      return v1::JOB_KIND_INGEST;
  }
  return v1::JOB_KIND_UNSPECIFIED;
}

JobKind ToJobKind(v1::JobKind kind) {
  for (const JobKind each : {JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest}) {
    if (kind == ToProto(each)) return each;
  }
  return JobKind::kPretrain;
}

v1::JobState ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::JOB_STATE_QUEUED;
    case JobState::kStarting:
      return v1::JOB_STATE_STARTING;
    case JobState::kRunning:
      return v1::JOB_STATE_RUNNING;
    case JobState::kStopping:
      return v1::JOB_STATE_STOPPING;
    case JobState::kSucceeded:
      return v1::JOB_STATE_SUCCEEDED;
    case JobState::kFailed:
      return v1::JOB_STATE_FAILED;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

JobState ToJobState(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_STARTING:
      return JobState::kStarting;
    case v1::JOB_STATE_RUNNING:
      return JobState::kRunning;
    case v1::JOB_STATE_STOPPING:
      return JobState::kStopping;
    case v1::JOB_STATE_SUCCEEDED:
      return JobState::kSucceeded;
    case v1::JOB_STATE_FAILED:
      return JobState::kFailed;
    case v1::JOB_STATE_CANCELLED:
      return JobState::kCancelled;
    default:
      return JobState::kQueued;
  }
}

v1::CheckpointState ToProto(CheckpointState state) {
  switch (state) {
    case CheckpointState::kCommitted:
      return v1::CHECKPOINT_STATE_COMMITTED;
    case CheckpointState::kCorrupt:
      return v1::CHECKPOINT_STATE_CORRUPT;
    case CheckpointState::kDeleted:
      return v1::CHECKPOINT_STATE_DELETED;
  }
  return v1::CHECKPOINT_STATE_UNSPECIFIED;
}

CheckpointState ToCheckpointState(v1::CheckpointState state) {
  switch (state) {
    case v1::CHECKPOINT_STATE_COMMITTED:
      return CheckpointState::kCommitted;
    case v1::CHECKPOINT_STATE_DELETED:
      return CheckpointState::kDeleted;
    default:
      return CheckpointState::kCorrupt;
  }
}

const char* CheckpointStateName(CheckpointState state) {
  switch (state) {
    case CheckpointState::kCommitted:
      return "COMMITTED";
    case CheckpointState::kCorrupt:
      return "CORRUPT";
    case CheckpointState::kDeleted:
      return "DELETED";
  }
  return "";
}

absl::StatusOr<CheckpointState> ParseCheckpointState(const std::string& name) {
  for (const CheckpointState state :
       {CheckpointState::kCommitted, CheckpointState::kCorrupt, CheckpointState::kDeleted}) {
    if (name == CheckpointStateName(state)) return state;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", name, "' is none of COMMITTED, CORRUPT, DELETED"));
}

}  // namespace amaes
