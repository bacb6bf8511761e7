// What users ask for.
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/dataset/selection.h"
#include "libs/rpc/errors.h"
#include "libs/spec/probe.h"
#include "services/coordinator/contract_facts.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/finetune_facts.h"
#include "services/coordinator/invalid_spec.h"
#include "services/coordinator/metric_names.h"
#include "services/coordinator/request_id.h"
#include "services/coordinator/time_estimate.h"

namespace amaes {
namespace {

absl::Status JobNotFound(const std::string& id) {
  return ErrorWithReason(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", absl::StrCat("no job '", id, "'"),
                         {{"job", id}});
}

std::string NameOf(const DatasetRecord& record) { return absl::StrCat(record.name, "@", record.version); }

std::string NotesOn(const Selection& selection, const DatasetRecord& record) {
  return absl::StrCat(selection.volumes.size(), " of ", record.training_volumes, " training volumes, ",
                      selection.size(), " visits a pass",
                      selection.filter_left_no_held_out
                          ? "; no held-out volume fits the filter: validation uses all of them"
                          : absl::StrCat("; ", selection.held_out.size(), " held out"));
}

}  // namespace

// Volumes of one dataset have one contract.
absl::Status Engine::CheckDatasetContract(const IngestSpec& spec) {
  const absl::StatusOr<DatasetRecord> known = store_.GetDataset(spec.dataset, 0);
  if (absl::IsNotFound(known.status())) return absl::OkStatus();
  if (!known.ok()) return known.status();
  const absl::StatusOr<Contract> existing = ParseContract(known->contract_json);
  if (!existing.ok()) {
    return absl::DataLossError(
        absl::StrCat("the contract of dataset ", spec.dataset, " cannot be read: ", existing.status().message()));
  }
  AMAES_ASSIGN_OR_RETURN(const Contract wanted, ContractOf(spec.contract, spec.spacing, spec.reference_crop));
  const absl::Status same = CheckSameContract(*existing, wanted, spec.spacing, spec.dataset);
  if (same.ok()) return same;
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "CONTRACT_DIFFERS", same.message(),
                         {{"dataset", spec.dataset}});
}

absl::StatusOr<DatasetRecord> Engine::FindDataset(const TrainingSpec::Dataset& wanted) {
  absl::StatusOr<DatasetRecord> record = amaes::FindDataset(store_, wanted.name, wanted.version);
  if (!record.ok()) return record;
  AMAES_RETURN_IF_ERROR(CheckNotRetired(*record));
  if (record->training_volumes == 0) {
    const std::string name = NameOf(*record);
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "DATASET_EMPTY",
                           absl::StrCat("dataset ", name, " has no training volume"), {{"dataset", name}});
  }
  return record;
}

absl::StatusOr<std::string> Engine::ResolveAfter(const std::string& after) {
  std::vector<std::string> ids;
  for (const absl::string_view part : absl::StrSplit(after, ',', absl::SkipWhitespace())) {
    const std::string job(absl::StripAsciiWhitespace(part));
    const absl::StatusOr<JobView> found = GetJob(job);
    if (absl::IsNotFound(found.status())) {
      return absl::InvalidArgumentError(absl::StrCat("no job is called \"", job, "\"; `amaes job ls` lists them"));
    }
    if (!found.ok()) return found.status();
    ids.push_back(found->record.id.value);
  }
  return absl::StrJoin(ids, ",");
}

absl::StatusOr<Engine::Resolved> Engine::ResolveFinetune(const ParsedSpec& parsed,
                                                         const absl::StatusOr<DatasetRecord>& record,
                                                         std::vector<SpecProblem> problems) {
  DatasetFacts facts;
  std::string notes;
  if (record.ok()) {
    facts.version = record->version;
    facts.digest = record->digest;
    AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                           catalogues_.Get(DatasetFolder(record->name, record->version)));
    ResolveCases(*version, parsed.spec.finetune, facts, notes, problems);
  }
  AMAES_RETURN_IF_ERROR(ResolveInit(parsed.spec, record.ok() ? record->contract_json : "", facts, notes, problems));
  if (!problems.empty()) return InvalidSpec(problems);
  if (!record.ok()) return record.status();
  JobSpec spec = ResolveSpec(parsed.spec, facts);
  if (spec.finetune.init.freeze_encoder_steps != parsed.spec.finetune.init.freeze_encoder_steps) {
    absl::StrAppend(&notes, "; from scratch: init.freeze_encoder_steps ",
                    parsed.spec.finetune.init.freeze_encoder_steps, " counts as 0, for a random encoder must train");
  }
  AMAES_RETURN_IF_ERROR(CheckScriptOf(spec));
  return Resolved{std::move(spec), NameOf(*record), notes, facts.pass_length};
}

absl::StatusOr<Engine::Resolved> Engine::Resolve(ParsedSpec parsed) {
  std::vector<SpecProblem> problems = parsed.problems;
  absl::StatusOr<std::string> after = ResolveAfter(parsed.spec.after);
  if (absl::IsInvalidArgument(after.status())) {
    problems.push_back({"after", std::string(after.status().message())});
  } else {
    AMAES_RETURN_IF_ERROR(after.status());
    parsed.spec.after = *std::move(after);
  }
  const std::vector<SpecProblem> values = ValidateSpec(parsed.spec);
  problems.insert(problems.end(), values.begin(), values.end());
  if (!parsed.spec.trains()) {
    if (!problems.empty()) return InvalidSpec(problems);
    if (parsed.spec.kind == JobKind::kEvaluate) return ResolveEvaluation(parsed.spec);
    AMAES_RETURN_IF_ERROR(CheckDatasetContract(parsed.spec.ingest));
    return Resolved{ResolveSpec(parsed.spec, {}), "", "", 0};
  }
  const TrainingSpec::Dataset& wanted = parsed.spec.training().dataset;
  const absl::StatusOr<DatasetRecord> record = FindDataset(wanted);
  if (record.ok()) {
    const std::string defect = ContractDefect(wanted.contract, NameOf(*record), record->contract_json);
    if (!defect.empty()) problems.push_back({"dataset.contract", defect});
  }
  if (parsed.spec.kind == JobKind::kFinetune) return ResolveFinetune(parsed, record, std::move(problems));
  Selection selection;
  const bool selects = !wanted.filter.empty() || !wanted.repeats.empty();
  std::vector<SelectionProblem> selecting = CheckSelection(wanted.filter, wanted.repeats);
  if (record.ok() && selects && selecting.empty()) {
    AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                           catalogues_.Get(DatasetFolder(record->name, record->version)));
    selecting = ResolveSelection(*version, wanted.filter, wanted.repeats, selection);
  }
  for (SelectionProblem& problem : selecting) {
    problems.push_back({absl::StrCat("dataset.", problem.field), std::move(problem.message)});
  }
  std::string probe;
  AMAES_RETURN_IF_ERROR(ResolveProbe(parsed.spec, record.ok() ? record->contract_json : "", probe, problems));
  if (!problems.empty()) return InvalidSpec(problems);
  if (!record.ok()) return record.status();
  const std::int64_t length = selects ? selection.size() : record->training_volumes;
  JobSpec spec = ResolveSpec(parsed.spec, {record->version, record->digest, length, selection.digest});
  AMAES_RETURN_IF_ERROR(CheckScriptOf(spec));
  std::string notes = selects ? NotesOn(selection, *record) : "";
  if (!probe.empty()) absl::StrAppend(&notes, notes.empty() ? "" : "; ", probe);
  return Resolved{std::move(spec), NameOf(*record), std::move(notes), length};
}

absl::StatusOr<CheckedScript> Engine::TryScript(const NetworkOptions& network, const Shape3& patch,
                                                const std::string& field) const {
  absl::StatusOr<CheckedScript> script =
      options_.check_script ? options_.check_script(network, patch)
                            : absl::UnavailableError("network.script cannot be checked by this coordinator");
  if (absl::IsUnavailable(script.status())) {
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "SCRIPT_UNCHECKED", script.status().message(), {});
  }
  if (!script.ok()) return InvalidSpec({{field, std::string(script.status().message())}});
  return script;
}

// Notes which file it was and how large it is.
absl::Status Engine::CheckScriptOf(JobSpec& spec) {
  TrainingSpec::Network& network = spec.training().network;
  if (network.name != kScriptNetwork) return absl::OkStatus();
  const NetworkOptions options = NetworkOptionsOf(spec);
  AMAES_ASSIGN_OR_RETURN(const CheckedScript script, TryScript(options, spec.training().patch, "network.script"));
  network.script_digest = script.sha256;
  network.script_parameters = script.parameters;
  return spec.kind == JobKind::kFinetune ? CheckInitFits(spec.finetune.init, EncoderPrefixOf(options), script.encoder)
                                         : absl::OkStatus();
}

absl::StatusOr<CreateResult> Engine::Replay(const StoreReader::RequestRecord& known, const std::string& digest,
                                            const std::string& request_id) {
  if (known.body_digest != digest) return RequestIdReused(request_id, known);
  Count(metrics_, kReplays);
  CreateResult result;
  AMAES_ASSIGN_OR_RETURN(result.job, GetJob(known.job.value));
  result.estimate = EstimateSpec(result.job.spec);
  result.replayed = true;
  return result;
}

// Job and request id in one transaction. What an earlier call with this request id stored, if there was one: then nothing
// is stored.
absl::StatusOr<std::optional<StoreReader::RequestRecord>> Engine::StoreJob(const std::string& request_id,
                                                                           const std::string& digest,
                                                                           Resolved& resolved, JobRecord& record) {
  JobSpec& spec = resolved.spec;
  std::optional<StoreReader::RequestRecord> known;
  const bool named = !spec.name.empty();
  const absl::Status stored = Commit([&](StoreTransaction& transaction) -> absl::Status {
    absl::StatusOr<StoreReader::RequestRecord> earlier = transaction.GetRequest(request_id);
    if (earlier.ok()) {
      known = *std::move(earlier);
      return absl::OkStatus();
    }
    if (spec.kind != JobKind::kIngest) {
      // It may have been retired since it was resolved.
      const bool evaluates = spec.kind == JobKind::kEvaluate;
      AMAES_ASSIGN_OR_RETURN(
          const DatasetRecord dataset,
          amaes::FindDataset(transaction, evaluates ? spec.evaluate.dataset.name : spec.training().dataset.name,
                             evaluates ? spec.evaluate.dataset.version : spec.training().dataset.version));
      AMAES_RETURN_IF_ERROR(CheckNotRetired(dataset));
    }
    if (HasProbe(spec)) {
      const PretrainSpec::Probe& probe = spec.pretrain.probe;
      AMAES_ASSIGN_OR_RETURN(const DatasetRecord dataset,
                             amaes::FindDataset(transaction, probe.dataset, probe.version));
      AMAES_RETURN_IF_ERROR(CheckNotRetired(dataset));
    }
    do {
      record.id = JobId(options_.make_job_id());
    } while (transaction.GetJob(record.id).ok());
    if (!named) spec.name = record.id.value;
    record.name = spec.name;
    record.kind = JobKindName(spec.kind);
    record.spec_json = SpecToJson(spec);
    record.priority = static_cast<int>(spec.priority);
    record.created = clock_.Now();
    if (spec.trains()) {
      record.budget.max_restarts = spec.training().restart.max_restarts;
      record.budget.no_progress_limit = spec.training().restart.no_progress_limit;
    }
    AMAES_RETURN_IF_ERROR(transaction.PutJob(record));
    AMAES_RETURN_IF_ERROR(transaction.PutRequest(request_id, {digest, record.id}));
    return transaction.AppendEvent(
        record.id, record.created, "CREATED",
        absl::StrCat("submitted as ", record.name, resolved.notes.empty() ? "" : "; ", resolved.notes));
  });
  if (!stored.ok()) return stored;
  return known;
}

absl::StatusOr<CreateResult> Engine::CreateJob(const CreateRequest& request) {
  if (!request.validate_only) AMAES_RETURN_IF_ERROR(CheckRequestId(request.request_id));
  const std::string digest = Sha256Hex(SpecToJson(request.parsed.spec));
  if (!request.validate_only) {
    const absl::StatusOr<StoreReader::RequestRecord> known = store_.GetRequest(request.request_id);
    if (known.ok()) return Replay(*known, digest, request.request_id);
    if (!absl::IsNotFound(known.status())) return known.status();
  }
  CreateResult result;
  JobRecord record;
  AMAES_ASSIGN_OR_RETURN(Resolved resolved, Resolve(request.parsed));
  record.dataset = resolved.dataset;
  const JobSpec& spec = resolved.spec;
  result.estimate = EstimateSpec(spec);
  EstimateTime(store_, spec, resolved.pass_length, result.estimate);
  if (request.validate_only) {
    result.job.spec = spec;
    result.job.record = record;
    result.job.record.message = resolved.notes;
    return result;
  }
  AMAES_ASSIGN_OR_RETURN(const std::optional<StoreReader::RequestRecord> known,
                         StoreJob(request.request_id, digest, resolved, record));
  if (known) return Replay(*known, digest, request.request_id);
  FaultPoint("job_committed", {});
  Count(metrics_, kJobsSubmitted);
  WriteSpec(record.id, spec);
  result.job = {record, spec, JobProgress(), 0};
  MutexLock lock(mutex_);
  AMAES_ASSIGN_OR_RETURN(const LiveJob* job, Adopt(record.id));
  if (job != nullptr) result.job = ViewOf(*job);
  Wake();
  return result;
}

// For people who look into the folder; nothing reads it.
void Engine::WriteSpec(const JobId& id, const JobSpec& spec) {
  absl::Status status = files::MakeFolders(JobFolder(id));
  if (status.ok()) status = files::WriteAtomic(JobFolder(id) / "spec.yaml", SpecToYaml(spec));
  if (!status.ok())
    LogWarning("coordinator", "spec.yaml is not written", {{"job", id.value}, {"error", status.message()}});
}

absl::StatusOr<JobView> Engine::GetJob(const std::string& id_or_name) {
  {
    MutexLock lock(mutex_);
    if (const LiveJob* job = FindLive(JobId(id_or_name)); job != nullptr) return ViewOf(*job);
  }
  absl::StatusOr<JobRecord> record = store_.GetJob(JobId(id_or_name));
  if (absl::IsNotFound(record.status())) record = store_.FindJobByName(id_or_name);
  if (absl::IsNotFound(record.status())) return JobNotFound(id_or_name);
  if (!record.ok()) return record.status();
  return View(*record);
}

absl::StatusOr<JobView> Engine::CancelJob(const std::string& id_or_name) {
  AMAES_ASSIGN_OR_RETURN(const JobView found, GetJob(id_or_name));
  if (IsTerminal(found.record.state)) return found;
  const JobId id = found.record.id;
  {
    MutexLock lock(mutex_);
    AMAES_ASSIGN_OR_RETURN(LiveJob * job, Adopt(id));
    // An ingest whose workers are done is being published: too late.
    if (job != nullptr && !job->record.cancel_requested && !job->publishing) {
      JobChange change = Change(*job);
      change.record.cancel_requested = true;
      change.record.reason = "CANCELLED";
      change.record.message = job->attempt ? "an orderly stop was asked for" : "cancelled by its user while it waited";
      AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(job->record.state, JobEvent::kCancelRequested));
      if (IsTerminal(change.record.state)) change.record.ended = clock_.Now();
      change.events.emplace_back("CANCEL_REQUESTED", change.record.message);
      if (IsTerminal(change.record.state)) change.events.emplace_back("CANCELLED", change.record.message);
      AMAES_RETURN_IF_ERROR(CommitJob(*job, std::move(change)));
      if (job->attempt) {
        SendStop(*job);
      } else {
        Count(metrics_, kJobsFinished, {{"outcome", "cancelled"}});
        DropStaging(*job);
        ForgetEnded(id);
      }
    }
  }
  return GetJob(id.value);
}

}  // namespace amaes
