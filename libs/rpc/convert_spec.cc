#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rpc/convert.h"

namespace amaes {
namespace {

void TakeText(const std::string& value, std::string& out) {
  if (!value.empty()) out = value;
}

// proto3 `optional`: absent keeps the default.
#define AMAES_TAKE(message, field, out) \
  if ((message).has_##field()) (out) = (message).field()

void TakeTraining(const v1::PretrainSpec& in, PretrainSpec& out) {
  AMAES_TAKE(in.mask(), ratio, out.mask.ratio);
  AMAES_TAKE(in.mask(), token, out.mask.token);
  TakeText(in.loss().region(), out.loss.region);
  const v1::PretrainSpec::Optimizer& optimizer = in.optimizer();
  AMAES_TAKE(optimizer, learning_rate, out.optimizer.learning_rate);
  AMAES_TAKE(optimizer, beta1, out.optimizer.beta1);
  AMAES_TAKE(optimizer, beta2, out.optimizer.beta2);
  AMAES_TAKE(optimizer, epsilon, out.optimizer.epsilon);
  AMAES_TAKE(optimizer, weight_decay, out.optimizer.weight_decay);
  const v1::PretrainSpec::Schedule& schedule = in.schedule();
  AMAES_TAKE(schedule, steps, out.schedule.steps);
  AMAES_TAKE(schedule, passes, out.schedule.passes);
  AMAES_TAKE(schedule, warmup_steps, out.schedule.warmup_steps);
  AMAES_TAKE(schedule, warmup_start_factor, out.schedule.warmup_start_factor);
}

void TakeRunning(const v1::PretrainSpec& in, PretrainSpec& out) {
  AMAES_TAKE(in, global_batch, out.global_batch);
  AMAES_TAKE(in, micro_batch, out.micro_batch);
  AMAES_TAKE(in, workers, out.workers);
  TakeText(in.device(), out.device);
  TakeText(in.precision(), out.precision);
  out.deterministic = in.deterministic();
  AMAES_TAKE(in, threads_per_worker, out.threads_per_worker);
  AMAES_TAKE(in, seed, out.seed);
  AMAES_TAKE(in.checkpoint(), every_steps, out.checkpoint.every_steps);
  AMAES_TAKE(in.checkpoint(), keep, out.checkpoint.keep);
  AMAES_TAKE(in.validation(), every_steps, out.validation.every_steps);
  AMAES_TAKE(in.validation(), crops, out.validation.crops);
  AMAES_TAKE(in.loader(), threads, out.loader.threads);
  AMAES_TAKE(in.loader(), prefetch, out.loader.prefetch);
  AMAES_TAKE(in.loader(), cache_mib, out.loader.cache_mib);
  TakeText(in.loader().on_damage(), out.loader.on_damage);
  AMAES_TAKE(in.restart(), max_restarts, out.restart.max_restarts);
  AMAES_TAKE(in.restart(), no_progress_limit, out.restart.no_progress_limit);
}

PretrainSpec ToPretrainSpec(const v1::PretrainSpec& in) {
  PretrainSpec out;
  out.dataset.name = in.dataset().name();
  out.dataset.version = in.dataset().version();
  out.dataset.digest = in.dataset().digest();
  out.dataset.filter = in.dataset().filter();
  out.dataset.repeats = in.dataset().repeats();
  out.dataset.selection = in.dataset().selection();
  TakeText(in.network().name(), out.network.name);
  out.network.filters = in.network().filters();
  AMAES_TAKE(in, patch, out.patch);
  TakeTraining(in, out);
  TakeRunning(in, out);
  return out;
}

IngestSpec ToIngestSpec(const v1::IngestSpec& in) {
  IngestSpec out;
  out.dataset = in.dataset();
  out.from = in.from();
  TakeText(in.layout(), out.layout);
  out.source = in.source();
  TakeText(in.contract(), out.contract);
  TakeText(in.spacing(), out.spacing);
  TakeText(in.frames(), out.frames);
  TakeText(in.nonfinite(), out.nonfinite);
  AMAES_TAKE(in, labels, out.labels);
  AMAES_TAKE(in, workers, out.workers);
  out.reference_crop = in.reference_crop();
  AMAES_TAKE(in, processes, out.processes);
  AMAES_TAKE(in, memory_limit_mib, out.memory_limit_mib);
  AMAES_TAKE(in, time_limit_seconds, out.time_limit_seconds);
  return out;
}

#undef AMAES_TAKE

void PutTraining(const PretrainSpec& in, v1::PretrainSpec* out) {
  out->mutable_mask()->set_ratio(in.mask.ratio);
  out->mutable_mask()->set_token(in.mask.token);
  out->mutable_loss()->set_region(in.loss.region);
  v1::PretrainSpec::Optimizer* optimizer = out->mutable_optimizer();
  optimizer->set_learning_rate(in.optimizer.learning_rate);
  optimizer->set_beta1(in.optimizer.beta1);
  optimizer->set_beta2(in.optimizer.beta2);
  optimizer->set_epsilon(in.optimizer.epsilon);
  optimizer->set_weight_decay(in.optimizer.weight_decay);
  v1::PretrainSpec::Schedule* schedule = out->mutable_schedule();
  schedule->set_steps(in.schedule.steps);
  schedule->set_passes(in.schedule.passes);
  schedule->set_warmup_steps(in.schedule.warmup_steps);
  schedule->set_warmup_start_factor(in.schedule.warmup_start_factor);
}

void PutRunning(const PretrainSpec& in, v1::PretrainSpec* out) {
  out->set_global_batch(in.global_batch);
  out->set_micro_batch(in.micro_batch);
  out->set_workers(in.workers);
  out->set_device(in.device);
  out->set_precision(in.precision);
  out->set_deterministic(in.deterministic);
  out->set_threads_per_worker(in.threads_per_worker);
  out->set_seed(in.seed);
  out->mutable_checkpoint()->set_every_steps(in.checkpoint.every_steps);
  out->mutable_checkpoint()->set_keep(in.checkpoint.keep);
  out->mutable_validation()->set_every_steps(in.validation.every_steps);
  out->mutable_validation()->set_crops(in.validation.crops);
  out->mutable_loader()->set_threads(in.loader.threads);
  out->mutable_loader()->set_prefetch(in.loader.prefetch);
  out->mutable_loader()->set_cache_mib(in.loader.cache_mib);
  out->mutable_loader()->set_on_damage(in.loader.on_damage);
  out->mutable_restart()->set_max_restarts(in.restart.max_restarts);
  out->mutable_restart()->set_no_progress_limit(in.restart.no_progress_limit);
}

void PutPretrain(const PretrainSpec& in, v1::PretrainSpec* out) {
  out->mutable_dataset()->set_name(in.dataset.name);
  out->mutable_dataset()->set_version(in.dataset.version);
  out->mutable_dataset()->set_digest(in.dataset.digest);
  out->mutable_dataset()->set_filter(in.dataset.filter);
  out->mutable_dataset()->set_repeats(in.dataset.repeats);
  out->mutable_dataset()->set_selection(in.dataset.selection);
  out->mutable_network()->set_name(in.network.name);
  out->mutable_network()->set_filters(in.network.filters);
  out->set_patch(in.patch);
  PutTraining(in, out);
  PutRunning(in, out);
}

void PutIngest(const IngestSpec& in, v1::IngestSpec* out) {
  out->set_dataset(in.dataset);
  out->set_from(in.from);
  out->set_layout(in.layout);
  out->set_source(in.source);
  out->set_contract(in.contract);
  out->set_spacing(in.spacing);
  out->set_frames(in.frames);
  out->set_nonfinite(in.nonfinite);
  out->set_labels(in.labels);
  out->set_workers(in.workers);
  out->set_reference_crop(in.reference_crop);
  out->set_processes(in.processes);
  out->set_memory_limit_mib(in.memory_limit_mib);
  out->set_time_limit_seconds(in.time_limit_seconds);
}

}  // namespace

ParsedSpec ToJobSpec(const v1::JobSpec& proto) {
  ParsedSpec out;
  out.spec.kind = ToJobKind(proto.kind());
  if (!v1::JobKind_IsValid(proto.kind())) {
    out.problems.push_back(
        {"kind", absl::StrCat("unknown kind ", static_cast<int>(proto.kind()), "; pretrain or ingest")});
  }
  const bool other = out.spec.kind == JobKind::kPretrain ? proto.has_ingest() : proto.has_pretrain();
  if (other) {
    out.problems.push_back(
        {"kind", absl::StrCat("is ", JobKindName(out.spec.kind), ", but the fields of the other kind are set")});
  }
  out.spec.name = proto.name();
  if (proto.has_priority()) out.spec.priority = proto.priority();
  if (proto.has_pretrain()) out.spec.pretrain = ToPretrainSpec(proto.pretrain());
  if (proto.has_ingest()) out.spec.ingest = ToIngestSpec(proto.ingest());
  return out;
}

v1::JobSpec ToProto(const JobSpec& spec) {
  v1::JobSpec out;
  out.set_kind(ToProto(spec.kind));
  out.set_name(spec.name);
  out.set_priority(static_cast<std::int32_t>(spec.priority));
  if (spec.kind == JobKind::kPretrain) {
    PutPretrain(spec.pretrain, out.mutable_pretrain());
  } else {
    PutIngest(spec.ingest, out.mutable_ingest());
  }
  return out;
}

v1::SpecEstimate ToProto(const SpecEstimate& estimate) {
  v1::SpecEstimate out;
  out.set_parameters(estimate.parameters);
  out.set_memory_per_worker_bytes(estimate.memory_per_worker_bytes);
  out.set_checkpoint_bytes(estimate.checkpoint_bytes);
  out.set_disk_bytes(estimate.disk_bytes);
  return out;
}

SpecEstimate ToSpecEstimate(const v1::SpecEstimate& proto) {
  return {proto.parameters(), proto.memory_per_worker_bytes(), proto.checkpoint_bytes(), proto.disk_bytes()};
}

}  // namespace amaes
