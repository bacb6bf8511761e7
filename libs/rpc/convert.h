// Messages of the API to domain types and back. Total: every message gives a domain value, every domain value a message.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/report.h"
#include "libs/scheduler/job_state.h"
#include "libs/scheduler/node_table.h"
#include "libs/spec/job_spec.h"
#include "libs/spec/spec_io.h"
#include "libs/store/records.h"
#include "proto/amaes/v1/agents.pb.h"
#include "proto/amaes/v1/checkpoints.pb.h"
#include "proto/amaes/v1/datasets.pb.h"
#include "proto/amaes/v1/jobs.pb.h"
#include "proto/amaes/v1/nodes.pb.h"

namespace amaes {

// Only for a time that is one: absl::InfinitePast and InfiniteFuture are a timestamp that is not set.
bool IsTimestamp(absl::Time time);
google::protobuf::Timestamp ToTimestamp(absl::Time time);
// A timestamp that is not set gives InfinitePast.
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);

// Fields left out take their default. Problems: a kind that is none, or a group that is not the kind's.
ParsedSpec ToJobSpec(const v1::JobSpec& proto);
// Every field of the kind is set.
v1::JobSpec ToProto(const JobSpec& spec);
v1::SpecEstimate ToProto(const SpecEstimate& estimate);
SpecEstimate ToSpecEstimate(const v1::SpecEstimate& proto);

v1::JobKind ToProto(JobKind kind);
JobKind ToJobKind(v1::JobKind kind);  // unspecified or unknown: pretrain
v1::JobState ToProto(JobState state);
JobState ToJobState(v1::JobState state);  // unspecified or unknown: queued

v1::CheckpointState ToProto(CheckpointState state);
CheckpointState ToCheckpointState(
    v1::CheckpointState state);  // unspecified or unknown: corrupt, so that nobody uses it
v1::Checkpoint ToProto(const CheckpointRecord& record);
CheckpointRecord ToCheckpointRecord(const v1::Checkpoint& proto);
// "COMMITTED", "CORRUPT", "DELETED".
const char* CheckpointStateName(CheckpointState state);
absl::StatusOr<CheckpointState> ParseCheckpointState(const std::string& name);  // - InvalidArgument: lists the names.

v1::DatasetVersion ToProto(const DatasetRecord& record);
DatasetRecord ToDatasetRecord(const v1::DatasetVersion& proto);
v1::Volume ToProto(const CatalogueEntry& entry);
v1::IngestReport ToProto(const IngestReport& report);
IngestReport ToIngestReport(const v1::IngestReport& proto);

v1::DatasetReport ToProto(const DatasetReport& report);  // without the lists of the ingest and without leakage
DatasetReport ToDatasetReport(const v1::DatasetReport& proto);

v1::JobEvent ToProto(const EventRecord& record);
EventRecord ToEventRecord(const v1::JobEvent& proto);

v1::Node ToProto(const NodeInfo& info);
v1::Node ToProto(const NodeState& state);
NodeInfo ToNodeInfo(const v1::Node& proto);

}  // namespace amaes
