#include "services/coordinator/progress.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 1;

json TimeToJson(absl::Time time) {
  return time == absl::InfinitePast() ? json(nullptr) : json(absl::ToUnixMicros(time));
}
absl::Time TimeFromJson(const json& value) {
  return value.is_number() ? absl::FromUnixMicros(value.get<std::int64_t>()) : absl::InfinitePast();
}

// A number that is not finite has no JSON form.
json Number(double value) { return value - value == 0 ? json(value) : json(nullptr); }
double FromNumber(const json& value) { return value.is_number() ? value.get<double>() : std::nan(""); }

json MetricsToJson(const MetricMap& metrics) {
  json out = json::object();
  for (const auto& [name, value] : metrics) out[name] = Number(value);
  return out;
}
MetricMap MetricsFromJson(const json& value) {
  MetricMap out;
  for (const auto& [name, number] : value.items()) out[name] = FromNumber(number);
  return out;
}

json TrainingToJson(const TrainProgress& p) {
  return {{"step", p.step},
          {"metrics", MetricsToJson(p.metrics)},
          {"learning_rate", Number(p.learning_rate)},
          {"samples_per_second", Number(p.samples_per_second)},
          {"data_wait_ratio", Number(p.data_wait_ratio)},
          {"step_seconds", Number(p.step_seconds)},
          {"peak_memory_bytes", p.peak_memory_bytes},
          {"disk_bytes", p.disk_bytes},
          {"cache_hits", p.cache_hits}};
}

TrainProgress TrainingFromJson(const json& j) {
  TrainProgress p;
  p.step = j.at("step");
  p.metrics = MetricsFromJson(j.at("metrics"));
  p.learning_rate = FromNumber(j.at("learning_rate"));
  p.samples_per_second = FromNumber(j.at("samples_per_second"));
  p.data_wait_ratio = FromNumber(j.at("data_wait_ratio"));
  p.step_seconds = FromNumber(j.at("step_seconds"));
  p.peak_memory_bytes = j.at("peak_memory_bytes");
  p.disk_bytes = j.value("disk_bytes", std::int64_t{0});
  p.cache_hits = j.value("cache_hits", std::int64_t{0});
  return p;
}

json IngestToJson(const IngestCount& c) {
  return {{"files", c.files},
          {"done", c.done},
          {"volumes", c.volumes},
          {"quarantined", c.quarantined},
          {"duplicates", c.duplicates},
          {"skipped", c.skipped},
          {"voxels", c.voxels},
          {"unchanged", c.unchanged},
          {"total_voxels", c.total_voxels},
          {"disk_bytes", c.disk_bytes},
          {"voxels_per_second", Number(c.voxels_per_second)},
          {"estimated_seconds", Number(c.estimated_seconds)}};
}

IngestCount IngestFromJson(const json& j) {
  IngestCount c;
  c.files = j.at("files");
  c.done = j.at("done");
  c.volumes = j.at("volumes");
  c.quarantined = j.at("quarantined");
  c.duplicates = j.at("duplicates");
  c.skipped = j.at("skipped");
  c.voxels = j.at("voxels");
  c.unchanged = j.at("unchanged");
  c.total_voxels = j.at("total_voxels");
  c.disk_bytes = j.at("disk_bytes");
  c.voxels_per_second = FromNumber(j.at("voxels_per_second"));
  c.estimated_seconds = FromNumber(j.at("estimated_seconds"));
  return c;
}

IngestCount Sum(const std::vector<IngestCount>& ranks) {
  IngestCount sum;
  for (const IngestCount& c : ranks) {
    sum.files += c.files;
    sum.done += c.done;
    sum.volumes += c.volumes;
    sum.quarantined += c.quarantined;
    sum.duplicates += c.duplicates;
    sum.skipped += c.skipped;
    sum.voxels += c.voxels;
    sum.unchanged += c.unchanged;
    sum.total_voxels += c.total_voxels;
    sum.disk_bytes += c.disk_bytes;
    sum.voxels_per_second += c.voxels_per_second;
    sum.estimated_seconds += c.estimated_seconds;
  }
  return sum;
}

json EvaluationToJson(const EvaluationCount& c) {
  return {{"cases", c.cases}, {"done", c.done}, {"cases_per_second", Number(c.cases_per_second)}};
}

EvaluationCount EvaluationFromJson(const json& j) {
  return {.cases = j.at("cases"), .done = j.at("done"), .cases_per_second = FromNumber(j.at("cases_per_second"))};
}

json ScoreToJson(const EvaluationScore& s) {
  return {{"region", s.region},     {"measure", s.measure},
          {"mean", Number(s.mean)}, {"standard_deviation", Number(s.standard_deviation)},
          {"cases", s.cases},       {"undefined", s.undefined},
          {"infinite", s.infinite}};
}

EvaluationScore ScoreFromJson(const json& j) {
  return {.region = j.at("region"),
          .measure = j.at("measure"),
          .mean = FromNumber(j.at("mean")),
          .standard_deviation = FromNumber(j.at("standard_deviation")),
          .cases = j.at("cases"),
          .undefined = j.at("undefined"),
          .infinite = j.at("infinite")};
}

json RankToJson(const RankOutcome& r) {
  return {{"finished", r.finished}, {"complete", r.complete},   {"exited", r.exited}, {"cause", r.cause},
          {"message", r.message},   {"retryable", r.retryable}, {"counts", r.counts}, {"order", r.order}};
}

RankOutcome RankFromJson(const json& j) {
  RankOutcome r;
  r.finished = j.at("finished");
  r.complete = j.at("complete");
  r.exited = j.at("exited");
  r.cause = j.at("cause");
  r.message = j.at("message");
  r.retryable = j.at("retryable");
  r.counts = j.at("counts");
  r.order = j.at("order");
  return r;
}

json ValidationToJson(const ValidationResult& v) {
  return {{"step", v.step}, {"split", v.split}, {"metrics", MetricsToJson(v.metrics)}};
}

ValidationResult ValidationFromJson(const json& j) {
  ValidationResult v;
  v.step = j.at("step");
  v.split = j.at("split");
  v.metrics = MetricsFromJson(j.at("metrics"));
  return v;
}

JobProgress FromObject(const json& j) {
  JobProgress p;
  p.training = TrainingFromJson(j.at("training"));
  p.phase = j.at("phase");
  for (const json& v : j.at("validations")) p.validations.push_back(ValidationFromJson(v));
  p.checkpoint_step = j.at("checkpoint_step");
  p.best_checkpoint = j.value("best_checkpoint", std::string());
  p.checkpoint_time = TimeFromJson(j.at("checkpoint_time"));
  p.ingest = IngestFromJson(j.at("ingest"));
  for (const json& r : j.at("ingest_ranks")) p.ingest_ranks.push_back(IngestFromJson(r));
  p.ingest_started = TimeFromJson(j.at("ingest_started"));
  if (j.contains("evaluation")) {  // not of a program that had none
    p.evaluation = EvaluationFromJson(j.at("evaluation"));
    for (const json& r : j.at("evaluation_ranks")) p.evaluation_ranks.push_back(EvaluationFromJson(r));
    for (const json& s : j.at("scores")) p.scores.push_back(ScoreFromJson(s));
  }
  p.updated = TimeFromJson(j.at("updated"));
  p.best = j.at("best");
  p.base = j.at("base");
  p.staged_digest = j.at("staged_digest");
  for (const json& r : j.at("ranks")) p.ranks.push_back(RankFromJson(r));
  return p;
}

}  // namespace

void JobProgress::Note(const TrainProgress& report, absl::Time now) {
  training = report;
  best = std::max(best, report.step);
  updated = now;
}

void JobProgress::Note(const ValidationResult& report, absl::Time now) {
  updated = now;
  // A step that is run again after a restart replaces what it gave before.
  std::erase_if(validations,
                [&](const ValidationResult& v) { return v.step == report.step && v.split == report.split; });
  const auto place =
      std::upper_bound(validations.begin(), validations.end(), report,
                       [](const ValidationResult& a, const ValidationResult& b) { return a.step < b.step; });
  validations.insert(place, report);
}

void JobProgress::Note(int rank, const IngestCount& report, absl::Time now) {
  if (ingest_ranks.size() <= static_cast<std::size_t>(rank)) ingest_ranks.resize(rank + 1);
  ingest_ranks[rank] = report;
  ingest = Sum(ingest_ranks);
  if (ingest_started == absl::InfinitePast()) ingest_started = now;
  best = std::max(best, ingest.done);
  updated = now;
}

void JobProgress::Note(int rank, const EvaluationCount& report, absl::Time now) {
  if (evaluation_ranks.size() <= static_cast<std::size_t>(rank)) evaluation_ranks.resize(rank + 1);
  evaluation_ranks[rank] = report;
  evaluation = {};
  for (const EvaluationCount& one : evaluation_ranks) {
    evaluation.cases += one.cases;
    evaluation.done += one.done;
    evaluation.cases_per_second += one.cases_per_second;
  }
  best = std::max(best, evaluation.done);
  updated = now;
}

std::string ProgressToJson(const JobProgress& p) {
  json evaluation_ranks = json::array(), scores = json::array();
  for (const EvaluationCount& c : p.evaluation_ranks) evaluation_ranks.push_back(EvaluationToJson(c));
  for (const EvaluationScore& s : p.scores) scores.push_back(ScoreToJson(s));
  json validations = json::array();
  for (const ValidationResult& v : p.validations) validations.push_back(ValidationToJson(v));
  json ingest_ranks = json::array();
  for (const IngestCount& c : p.ingest_ranks) ingest_ranks.push_back(IngestToJson(c));
  json ranks = json::array();
  for (const RankOutcome& r : p.ranks) ranks.push_back(RankToJson(r));
  const json object = {{"format_version", kFormatVersion},
                       {"training", TrainingToJson(p.training)},
                       {"phase", p.phase},
                       {"validations", validations},
                       {"checkpoint_step", p.checkpoint_step},
                       {"best_checkpoint", p.best_checkpoint},
                       {"checkpoint_time", TimeToJson(p.checkpoint_time)},
                       {"ingest", IngestToJson(p.ingest)},
                       {"ingest_ranks", ingest_ranks},
                       {"ingest_started", TimeToJson(p.ingest_started)},
                       {"evaluation", EvaluationToJson(p.evaluation)},
                       {"evaluation_ranks", evaluation_ranks},
                       {"scores", scores},
                       {"updated", TimeToJson(p.updated)},
                       {"best", p.best},
                       {"base", p.base},
                       {"staged_digest", p.staged_digest},
                       {"ranks", ranks}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<JobProgress> ProgressFromJson(const std::string& text) {
  if (text.empty()) return JobProgress();
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("a job's progress is damaged: no JSON object");
  try {
    if (object.at("format_version").get<int>() > kFormatVersion) {
      return absl::DataLossError(absl::StrCat("a job's progress has format ", object.at("format_version").get<int>(),
                                              ", newer than ", kFormatVersion));
    }
    return FromObject(object);
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("a job's progress is damaged: ", error.what()));
  }
}

}  // namespace amaes
