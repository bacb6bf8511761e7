#include "libs/rpc/convert.h"

namespace amaes {

v1::Checkpoint ToProto(const CheckpointRecord& record) {
  v1::Checkpoint out;
  out.set_job(record.job.value);
  out.set_name(record.name);
  out.set_step(record.step);
  out.set_attempt(record.attempt);
  out.set_state(ToProto(record.state));
  out.set_message(record.message);
  out.set_size_bytes(record.size_bytes);
  out.set_manifest_sha256(record.manifest_sha256);
  if (IsTimestamp(record.created)) *out.mutable_create_time() = ToTimestamp(record.created);
  out.set_parent(record.parent);
  out.set_dataset_version(record.dataset);
  out.set_dataset_digest(record.dataset_digest);
  out.mutable_metrics()->insert(record.metrics.begin(), record.metrics.end());
  return out;
}

CheckpointRecord ToCheckpointRecord(const v1::Checkpoint& proto) {
  CheckpointRecord out;
  out.job = JobId(proto.job());
  out.name = proto.name();
  out.step = proto.step();
  out.attempt = proto.attempt();
  out.state = ToCheckpointState(proto.state());
  out.message = proto.message();
  out.size_bytes = proto.size_bytes();
  out.manifest_sha256 = proto.manifest_sha256();
  out.created = ToTime(proto.create_time());
  out.parent = proto.parent();
  out.dataset = proto.dataset_version();
  out.dataset_digest = proto.dataset_digest();
  out.metrics = MetricMap(proto.metrics().begin(), proto.metrics().end());
  return out;
}

v1::DatasetVersion ToProto(const DatasetRecord& record) {
  v1::DatasetVersion out;
  out.set_name(record.name);
  out.set_version(record.version);
  out.set_digest(record.digest);
  out.set_contract(record.contract_json);
  out.set_volumes(record.volumes);
  out.set_training_volumes(record.training_volumes);
  out.set_held_out_volumes(record.held_out_volumes);
  out.set_subjects(record.subjects);
  out.set_held_out_subjects(record.held_out_subjects);
  out.set_quarantined(record.quarantined);
  out.set_duplicates(record.duplicates);
  out.set_skipped(record.skipped);
  out.set_stored_bytes(record.stored_bytes);
  out.set_job(record.job.value);
  if (IsTimestamp(record.created)) *out.mutable_create_time() = ToTimestamp(record.created);
  out.set_made_by(record.made_by);
  if (IsTimestamp(record.retired)) *out.mutable_retire_time() = ToTimestamp(record.retired);
  return out;
}

DatasetRecord ToDatasetRecord(const v1::DatasetVersion& proto) {
  DatasetRecord out;
  out.name = proto.name();
  out.version = proto.version();
  out.digest = proto.digest();
  out.contract_json = proto.contract();
  out.volumes = proto.volumes();
  out.training_volumes = proto.training_volumes();
  out.held_out_volumes = proto.held_out_volumes();
  out.subjects = proto.subjects();
  out.held_out_subjects = proto.held_out_subjects();
  out.quarantined = proto.quarantined();
  out.duplicates = proto.duplicates();
  out.skipped = proto.skipped();
  out.stored_bytes = proto.stored_bytes();
  out.job = JobId(proto.job());
  out.created = ToTime(proto.create_time());
  out.made_by = proto.made_by();
  out.retired = ToTime(proto.retire_time());
  return out;
}

v1::Volume ToProto(const CatalogueEntry& entry) {
  v1::Volume out;
  out.set_volume(entry.volume);
  out.set_subject(entry.subject);
  out.set_session(entry.session);
  out.set_modality(entry.modality);
  out.set_source(entry.source);
  for (const auto extent : entry.shape) out.add_shape(extent);
  for (const double spacing : entry.source_spacing) out.add_source_spacing_mm(spacing);
  out.set_split(entry.split == Split::kTrain ? "train" : "held_out");
  out.set_stored_bytes(entry.stored_bytes);
  out.set_voxel_digest(entry.voxel_digest);
  out.set_collection(entry.collection);
  return out;
}

namespace {

void PutItems(const std::vector<IngestReport::Item>& items,
              google::protobuf::RepeatedPtrField<v1::IngestReport::Item>* out) {
  for (const IngestReport::Item& item : items) {
    v1::IngestReport::Item* added = out->Add();
    added->set_source(item.source);
    added->set_reason(item.reason);
  }
}

std::vector<IngestReport::Item> ToItems(const google::protobuf::RepeatedPtrField<v1::IngestReport::Item>& items) {
  std::vector<IngestReport::Item> out;
  for (const v1::IngestReport::Item& item : items) out.push_back({item.source(), item.reason()});
  return out;
}

}  // namespace

v1::IngestReport ToProto(const IngestReport& report) {
  v1::IngestReport out;
  out.set_files(report.files);
  out.set_volumes(report.volumes);
  PutItems(report.duplicates, out.mutable_duplicates());
  PutItems(report.quarantined, out.mutable_quarantined());
  PutItems(report.skipped, out.mutable_skipped());
  out.set_unchanged(report.unchanged);
  out.set_carried(report.carried);
  PutItems(report.companions, out.mutable_companions());
  for (const std::string& finding : report.findings) out.add_findings(finding);
  return out;
}

IngestReport ToIngestReport(const v1::IngestReport& proto) {
  IngestReport out;
  out.files = proto.files();
  out.volumes = proto.volumes();
  out.duplicates = ToItems(proto.duplicates());
  out.quarantined = ToItems(proto.quarantined());
  out.skipped = ToItems(proto.skipped());
  out.unchanged = proto.unchanged();
  out.carried = proto.carried();
  out.companions = ToItems(proto.companions());
  out.findings.assign(proto.findings().begin(), proto.findings().end());
  return out;
}

v1::JobEvent ToProto(const EventRecord& record) {
  v1::JobEvent out;
  out.set_sequence(record.sequence);
  if (IsTimestamp(record.time)) *out.mutable_time() = ToTimestamp(record.time);
  out.set_kind(record.kind);
  out.set_message(record.message);
  return out;
}

EventRecord ToEventRecord(const v1::JobEvent& proto) {
  EventRecord out;
  out.sequence = proto.sequence();
  out.time = ToTime(proto.time());
  out.kind = proto.kind();
  out.message = proto.message();
  return out;
}

v1::Node ToProto(const NodeInfo& info) {
  v1::Node out;
  out.set_name(info.node.value);
  out.set_incarnation(info.incarnation.value);
  out.set_address(info.address);
  out.set_version(info.version);
  out.set_cores(info.cores);
  out.set_memory_bytes(info.memory_bytes);
  for (const SlotInfo& slot : info.slots) {
    v1::Slot* added = out.add_slots();
    added->set_index(slot.index);
    added->set_device(slot.gpu ? "gpu" : "cpu");
    added->set_model(slot.model);
    added->set_gpu_uuid(slot.gpu_uuid);
    added->set_memory_bytes(slot.memory_bytes);
  }
  return out;
}

v1::Node ToProto(const NodeState& state) {
  v1::Node out = ToProto(state.info);
  out.set_state(state.ready ? "ready" : "lost");
  if (IsTimestamp(state.last_heartbeat_time)) *out.mutable_heartbeat_time() = ToTimestamp(state.last_heartbeat_time);
  for (v1::Slot& slot : *out.mutable_slots()) {
    if (const auto used = state.used.find(slot.index()); used != state.used.end()) {
      slot.set_job(used->second.job.value);
      slot.set_rank(used->second.rank);
    }
  }
  return out;
}

NodeInfo ToNodeInfo(const v1::Node& proto) {
  NodeInfo out;
  out.node = NodeId(proto.name());
  out.incarnation = Incarnation(proto.incarnation());
  out.address = proto.address();
  out.version = proto.version();
  out.cores = proto.cores();
  out.memory_bytes = proto.memory_bytes();
  for (const v1::Slot& slot : proto.slots()) {
    out.slots.push_back({slot.index(), slot.device() == "gpu", slot.model(), slot.gpu_uuid(), slot.memory_bytes()});
  }
  return out;
}

}  // namespace amaes
