#include "services/coordinator/job_page.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/rpc/convert.h"
#include "services/coordinator/html.h"
#include "services/coordinator/job_view.h"

namespace amaes {
namespace {

std::string Facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string out = "<div class=\"facts\">";
  for (const auto& [name, value] : facts) {
    absl::StrAppend(&out, "<div><span class=\"soft\">", name, "</span><b>", html::Escape(value), "</b></div>");
  }
  return absl::StrCat(out, "</div>");
}

// A metric's name as people say it.
std::string MetricTitle(const std::string& name) {
  if (name == "masked_r2") return "masked R²";
  if (name == "loss_masked") return "loss, masked";
  if (name == "loss_visible") return "loss, visible";
  if (name == "loss_visible_mean") return "filling with the visible mean";
  return html::Escape(absl::StrReplaceAll(name, {{"_", " "}}));
}

std::string TrainingFacts(const JobView& job) {
  const TrainProgress& p = job.progress.training;
  std::vector<std::pair<std::string, std::string>> facts = {
      {"step", absl::StrCat(p.step, " / ", job.spec.training().schedule.steps)},
      {"left", html::Seconds(TrainingEta(job))}};
  for (const auto& [name, value] : p.metrics) {
    if (!IsOfAGroup(name)) facts.emplace_back(MetricTitle(name), html::Number(value));
  }
  const std::vector<std::pair<std::string, std::string>> rest = {
      {"learning rate", html::Number(p.learning_rate)},
      {"samples per second", html::Number(p.samples_per_second)},
      {"waiting for data", absl::StrCat(html::Number(p.data_wait_ratio * 100), " %")},
      {"read from disk",
       absl::StrCat(html::Bytes(static_cast<double>(p.disk_bytes)), ", ", p.cache_hits, " chunks from memory")},
      {"seconds per step", html::Number(p.step_seconds)},
      {"peak memory", p.peak_memory_bytes > 0 ? html::Bytes(static_cast<double>(p.peak_memory_bytes)) : "–"},
      {"newest checkpoint",
       job.progress.checkpoint_step < 0 ? "–" : absl::StrCat("step ", job.progress.checkpoint_step)},
      {"best checkpoint", job.progress.best_checkpoint.empty() ? "–" : job.progress.best_checkpoint},
      {"dataset", job.record.dataset}};
  facts.insert(facts.end(), rest.begin(), rest.end());
  return Facts(facts);
}

std::string IngestFacts(const JobView& job) {
  const IngestCount& p = job.progress.ingest;
  return Facts({{"files", absl::StrCat(p.done, " / ", p.files)},
                {"left", html::Seconds(IngestEta(job))},
                {"voxels per second", html::Number(p.voxels_per_second)},
                {"voxels", absl::StrCat(p.voxels, " / ", p.total_voxels)},
                {"volumes", absl::StrCat(p.volumes)},
                {"unchanged", absl::StrCat(p.unchanged)},
                {"quarantined", absl::StrCat(p.quarantined)},
                {"duplicates", absl::StrCat(p.duplicates)},
                {"skipped", absl::StrCat(p.skipped)},
                {"dataset", job.record.dataset.empty() ? job.spec.ingest.dataset : job.record.dataset}});
}

std::string EvaluationFacts(const JobView& job) {
  const EvaluationCount& p = job.progress.evaluation;
  return Facts({{"cases", absl::StrCat(p.done, " / ", p.cases)},
                {"left", html::Seconds(EvaluationEta(job))},
                {"dataset", job.record.dataset},
                {"split", job.spec.evaluate.dataset.split}});
}

// Means by region, the measures as columns.
std::string Scores(const JobView& job) {
  std::vector<std::string> titles = {"region"};
  std::vector<std::vector<std::string>> rows;
  for (const EvaluationScore& score : job.progress.scores) {
    if (rows.empty() || rows.back()[0] != html::Escape(score.region)) rows.push_back({html::Escape(score.region)});
    if (rows.size() == 1) titles.push_back(html::Escape(score.measure));
    rows.back().push_back(score.cases == 0
                              ? "–"
                              : absl::StrCat(html::Number(score.mean), " ± ", html::Number(score.standard_deviation),
                                             " (", score.cases, ")"));
  }
  return html::Table(titles, rows);
}

std::string Validations(const JobView& job) {
  std::set<std::string> names;
  for (const ValidationResult& v : job.progress.validations) {
    for (const auto& [name, value] : v.metrics) {
      if (!IsOfAGroup(name)) names.insert(name);
    }
  }
  std::vector<std::string> titles = {"step", "split"};
  for (const std::string& name : names) titles.push_back(MetricTitle(name));
  std::vector<std::vector<std::string>> rows;
  for (const ValidationResult& v : job.progress.validations) {
    rows.push_back({absl::StrCat(v.step), html::Escape(v.split)});
    for (const std::string& name : names) rows.back().push_back(html::Number(MetricOf(v.metrics, name)));
  }
  return html::Table(titles, rows);
}

// Of the newest validation of each split: a row per kind of scan.
std::string ByModality(const JobView& job) {
  std::map<std::string, const ValidationResult*> newest;  // by split
  for (const ValidationResult& v : job.progress.validations) newest[v.split] = &v;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [split, v] : newest) {
    for (const auto& [name, value] : v->metrics) {
      const std::size_t slash = name.find('/');
      if (slash == std::string::npos) continue;
      rows.push_back({absl::StrCat(v->step), html::Escape(split), html::Escape(name.substr(slash + 1)),
                      MetricTitle(name.substr(0, slash)), html::Number(value)});
    }
  }
  return rows.empty() ? "" : html::Table({"step", "split", "modality", "metric", ""}, rows);
}

std::string Attempts(const std::vector<AttemptRecord>& attempts) {
  std::vector<std::vector<std::string>> rows;
  for (const AttemptRecord& attempt : attempts) {
    const std::string places = absl::StrJoin(attempt.ranks, ", ", [](std::string* out, const SlotRef& place) {
      absl::StrAppend(out, place.node.value, ":", place.slot);
    });
    rows.push_back({absl::StrCat(attempt.number), html::Escape(places), html::Time(attempt.started),
                    html::Time(attempt.ended), html::Escape(attempt.cause), html::Escape(attempt.message)});
  }
  return html::Table({"attempt", "ranks on", "from (UTC)", "to (UTC)", "end", ""}, rows);
}

std::string Events(const std::vector<EventRecord>& events) {
  std::vector<std::vector<std::string>> rows;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    rows.push_back({html::Time(event->time), html::Escape(event->kind), html::Escape(event->message)});
  }
  return html::Table({"time (UTC)", "what", ""}, rows);
}

std::string PictureLink(const std::string& job, const std::string& picture, const std::string& content) {
  return absl::StrCat("<a href=\"/jobs/", job, "/pictures/", html::Escape(picture), "\">", content, "</a>");
}

std::string PictureImage(const std::string& job, const std::string& picture) {
  return PictureLink(job, picture,
                     absl::StrCat("<img alt=\"reconstruction\" loading=\"lazy\" src=\"/jobs/", job, "/pictures/",
                                  html::Escape(picture), "\">"));
}

// The picture of the run, else the newest of every split; and links to all. `job` is escaped.
std::string Pictures(const std::string& job, const std::vector<JobPicture>& pictures) {
  if (pictures.empty()) return "";
  std::map<std::string, std::vector<const JobPicture*>> splits;
  for (const JobPicture& picture : pictures) {
    if (picture.step >= 0) splits[picture.split].push_back(&picture);
  }
  std::string out;
  const bool whole = pictures.back().step < 0;
  if (whole) out = PictureImage(job, pictures.back().name);
  for (const auto& [split, of_split] : splits) {
    if (!whole) absl::StrAppend(&out, PictureImage(job, of_split.back()->name));
    absl::StrAppend(&out, "<p class=\"soft\">", html::Escape(split), ", step", of_split.size() > 1 ? "s" : "");
    for (const JobPicture* picture : of_split) {
      absl::StrAppend(&out, " ", PictureLink(job, picture->name, absl::StrCat(picture->step)));
    }
    absl::StrAppend(&out, "</p>");
  }
  return out;
}

void AddSection(std::string& body, absl::string_view title, bool shown, const std::string& content) {
  if (shown) absl::StrAppend(&body, "<section><h2>", title, "</h2>", content, "</section>");
}

}  // namespace

std::string StateBadge(JobState state) {
  const char* kind = "busy";
  if (state == JobState::kQueued) kind = "wait";
  if (state == JobState::kSucceeded) kind = "good";
  if (state == JobState::kFailed) kind = "bad";
  if (state == JobState::kCancelled) kind = "plain";
  return html::Badge(JobStateName(state), kind);
}

std::string ProgressLabel(const JobView& job) {
  if (job.spec.kind == JobKind::kIngest) {
    return absl::StrCat("file ", job.progress.ingest.done, " of ", job.progress.ingest.files);
  }
  if (job.spec.kind == JobKind::kEvaluate) {
    return absl::StrCat("case ", job.progress.evaluation.done, " of ", job.progress.evaluation.cases);
  }
  return absl::StrCat("step ", job.progress.training.step, " of ", job.spec.training().schedule.steps);
}

std::string CheckpointsTable(const std::vector<CheckpointRecord>& checkpoints) {
  if (checkpoints.empty()) return "<p class=\"soft\">None yet.</p>";
  std::vector<std::vector<std::string>> rows;
  for (const CheckpointRecord& checkpoint : checkpoints) {
    const char* kind = checkpoint.state == CheckpointState::kCommitted ? "good"
                       : checkpoint.state == CheckpointState::kCorrupt ? "bad"
                                                                       : "plain";
    rows.push_back({html::Escape(checkpoint.name),
                    html::Link(absl::StrCat("/jobs/", checkpoint.job.value), checkpoint.job.value),
                    absl::StrCat(checkpoint.step), html::Badge(CheckpointStateName(checkpoint.state), kind),
                    html::Number(LossOf(checkpoint.metrics)), html::Bytes(static_cast<double>(checkpoint.size_bytes)),
                    html::Escape(checkpoint.parent.empty() ? "–" : checkpoint.parent), html::Time(checkpoint.created)});
  }
  return html::Table({"checkpoint", "job", "step", "state", "loss", "size", "from", "made (UTC)"}, rows);
}

std::string JobPageBody(const JobPageData& data) {
  const JobView& job = data.job;
  const bool trains = job.spec.trains();
  const std::string id = html::Escape(job.record.id.value);
  std::string body = absl::StrCat("<h1>", html::Escape(job.record.name), " ", StateBadge(job.record.state),
                                  " <span class=\"soft\">", id, "</span></h1>");
  const std::string why = absl::StrCat(job.record.reason, job.record.message.empty() ? "" : ": ", job.record.message);
  AddSection(body, "Progress", true,
             absl::StrCat(why.empty() ? "" : absl::StrCat("<p>", html::Escape(why), "</p>"),
                          html::Bar(ShareDone(job), ProgressLabel(job)), "<br>",
                          trains                                ? TrainingFacts(job)
                          : job.spec.kind == JobKind::kEvaluate ? EvaluationFacts(job)
                                                                : IngestFacts(job)));
  AddSection(body, "Scores, mean ± standard deviation (cases)", !job.progress.scores.empty(), Scores(job));
  AddSection(body, "Pictures", !data.pictures.empty(), Pictures(id, data.pictures));
  AddSection(body, "Validation", !job.progress.validations.empty(), Validations(job));
  const std::string by_modality = ByModality(job);
  AddSection(body, "By modality, newest validation", !by_modality.empty(), by_modality);
  AddSection(body, "Checkpoints", trains, CheckpointsTable(data.checkpoints));
  AddSection(body, "Attempts", !data.attempts.empty(), Attempts(data.attempts));
  AddSection(body, "Events", !data.events.empty(), Events(data.events));
  return body;
}

}  // namespace amaes
