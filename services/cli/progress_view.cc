#include "services/cli/progress_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libs/base/format.h"
#include "libs/base/metric_map.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kReset = "\x1b[0m";
constexpr double kPlainEvery = 0.05;  // of the way

const char* StateColour(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_RUNNING:
      return "\x1b[36m";
    case v1::JOB_STATE_SUCCEEDED:
      return "\x1b[32m";
    case v1::JOB_STATE_FAILED:
      return "\x1b[31m";
    case v1::JOB_STATE_QUEUED:
    case v1::JOB_STATE_STARTING:
    case v1::JOB_STATE_STOPPING:
      return "\x1b[33m";
    default:
      return "";
  }
}

std::string Painted(const std::string& text, const char* colour, const ViewOptions& options) {
  return options.colour && *colour != '\0' ? absl::StrCat(colour, text, kReset) : text;
}

// Cut to `width` characters, never inside one.
std::string Fit(const std::string& text, int width) {
  int characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (++characters > width) return text.substr(0, i);
  }
  return text;
}

double Fraction(const v1::Job& job) {
  std::int64_t done = job.ingest().done(), total = job.ingest().files();
  if (job.has_training()) {
    done = job.training().step();
    total = job.training().total_steps();
  } else if (job.has_evaluation()) {
    done = job.evaluation().done();
    total = job.evaluation().cases();
  }
  return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 0;
}

// Eighths of a block, so that a slow job is seen to move.
std::string Bar(double fraction, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::lround(fraction * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  const int used = eighths / 8 + (eighths % 8 > 0 ? 1 : 0);
  for (int i = used; i < width; ++i) bar += "·";
  return bar;
}

std::string Counter(const v1::Job& job) {
  if (job.has_training()) {
    return absl::StrCat("step ", FormatCount(job.training().step()), "/", FormatCount(job.training().total_steps()));
  }
  if (job.has_evaluation()) {
    return absl::StrCat("case ", FormatCount(job.evaluation().done()), "/", FormatCount(job.evaluation().cases()));
  }
  return absl::StrCat("file ", FormatCount(job.ingest().done()), "/", FormatCount(job.ingest().files()));
}

double Eta(const v1::Job& job) {
  if (job.has_evaluation()) return job.evaluation().eta_seconds();
  return job.has_training() ? job.training().eta_seconds() : job.ingest().eta_seconds();
}

std::string Age(const google::protobuf::Timestamp& time, absl::Time now) {
  return FormatDuration(std::max(0.0, absl::ToDoubleSeconds(now - absl::FromUnixSeconds(time.seconds()))));
}

using ProtoMetrics = google::protobuf::Map<std::string, double>;

// Masked pretraining in the words of the method, anything else by the names of its metrics.
std::string MetricsText(const ProtoMetrics& proto) {
  const MetricMap metrics(proto.begin(), proto.end());
  if (metrics.contains("loss_masked")) {
    const std::string bar =
        metrics.contains("loss_visible_mean")
            ? absl::StrFormat(" (mean fill %s)", FormatNumber(MetricOf(metrics, "loss_visible_mean")))
            : absl::StrCat("  visible ", FormatNumber(MetricOf(metrics, "loss_visible")));
    return absl::StrFormat("loss masked %s%s  masked_r2 %+.3f", FormatNumber(MetricOf(metrics, "loss_masked")), bar,
                           MetricOf(metrics, "masked_r2"));
  }
  std::vector<std::string> parts;
  for (const auto& [name, value] : metrics) {
    parts.push_back(absl::StrCat(absl::StrReplaceAll(name, {{"_", " "}}), " ", FormatNumber(value)));
  }
  return absl::StrJoin(parts, "  ");
}

// From the first validation to the last.
std::string ChangeText(const ProtoMetrics& first_proto, const ProtoMetrics& last_proto) {
  const MetricMap first(first_proto.begin(), first_proto.end()), last(last_proto.begin(), last_proto.end());
  if (last.contains("loss_masked")) {
    return absl::StrFormat("masked loss %s -> %s (mean fill %s)  masked_r2 %+.3f",
                           FormatNumber(MetricOf(first, "loss_masked")), FormatNumber(MetricOf(last, "loss_masked")),
                           FormatNumber(MetricOf(last, "loss_visible_mean")), MetricOf(last, "masked_r2"));
  }
  std::vector<std::string> parts;
  for (const auto& [name, value] : last) {
    parts.push_back(absl::StrCat(absl::StrReplaceAll(name, {{"_", " "}}), " ", FormatNumber(MetricOf(first, name)),
                                 " -> ", FormatNumber(value)));
  }
  return absl::StrJoin(parts, "  ");
}

std::string Losses(const v1::TrainingProgress& t) { return MetricsText(t.metrics()); }

std::string Speed(const v1::TrainingProgress& t) {
  return absl::StrFormat("%s samples/s  %s s/step  waiting for data %.1f %%", FormatNumber(t.samples_per_second()),
                         FormatNumber(t.step_seconds()), 100 * t.data_wait_ratio());
}

std::string CheckpointAge(const v1::TrainingProgress& t, absl::Time now) {
  if (!t.has_checkpoint_time()) return "no checkpoint yet";
  return absl::StrCat("checkpoint of step ", FormatCount(t.checkpoint_step()), ", ", Age(t.checkpoint_time(), now),
                      " ago");
}

const v1::Validation* Newest(const v1::TrainingProgress& t, const std::string& split) {
  for (int i = t.validations_size() - 1; i >= 0; --i) {
    if (t.validations(i).split() == split) return &t.validations(i);
  }
  return nullptr;
}

std::string ValidationText(const v1::Validation& v) {
  return absl::StrFormat("%-8s step %d: %s", v.split(), v.step(), MetricsText(v.metrics()));
}

std::string IngestSpeed(const v1::IngestProgress& p) {
  if (p.voxels_per_second() > 0) {
    return absl::StrFormat("%s voxels/s  %s of %s voxels",
                           FormatCount(static_cast<std::int64_t>(p.voxels_per_second())), FormatCount(p.voxels()),
                           FormatCount(p.total_voxels()));
  }
  if (p.total_voxels() == 0) return "";
  return absl::StrFormat("estimate: %s voxels to read, %s of disk, %s", FormatCount(p.total_voxels()),
                         FormatBytes(p.disk_bytes()), FormatDuration(p.estimated_seconds()));
}

std::string IngestCounts(const v1::IngestProgress& p) {
  std::string text = absl::StrFormat("%d volumes  %d quarantined  %d duplicates  %d skipped by rule", p.volumes(),
                                     p.quarantined(), p.duplicates(), p.skipped());
  if (p.unchanged() > 0) absl::StrAppend(&text, "  ", p.unchanged(), " unchanged");
  return text;
}

// A line per region: "lesion  Dice 0.712 ± 0.081 (12)  95 % Hausdorff 4.2 ± 1.9 mm (11)".
std::vector<std::string> Scores(const v1::EvaluationProgress& p) {
  static constexpr std::pair<const char*, const char*> kShown[] = {
      {"dice", "Dice"}, {"hausdorff_95_mm", "95 % Hausdorff"}, {"surface_distance_mm", "surface distance"}};
  std::vector<std::string> lines;
  std::string region;
  for (const v1::EvaluationScore& score : p.scores()) {
    if (lines.empty() || score.region() != region) {
      region = score.region();
      lines.push_back(absl::StrFormat("%-12s", region));
    }
    for (const auto& [measure, title] : kShown) {
      if (score.measure() != measure || score.cases() == 0) continue;
      absl::StrAppend(&lines.back(), "  ", title, " ", FormatNumber(score.mean()));
      if (score.cases() > 1) absl::StrAppend(&lines.back(), " ± ", FormatNumber(score.standard_deviation()));
      absl::StrAppend(&lines.back(), measure == kShown[0].first ? "" : " mm", " (", score.cases(), ")");
    }
  }
  return lines;
}

std::string Title(const v1::Job& job) {
  std::string title = job.id();
  if (!job.spec().name().empty() && job.spec().name() != job.id())
    absl::StrAppend(&title, " (", job.spec().name(), ")");
  return title;
}

// Reason and words; the reason alone says nothing when it is the state's own name.
std::string WhyText(const v1::Job& job) {
  if (job.reason() == StateName(job.state())) return job.message();
  if (job.message().empty()) return job.reason();
  return job.reason().empty() ? job.message() : absl::StrCat(job.reason(), ": ", job.message());
}

}  // namespace

bool IsTerminalState(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED;
}

std::string StateName(v1::JobState state) {
  return std::string(absl::StripPrefix(v1::JobState_Name(state), "JOB_STATE_"));
}

std::vector<std::string> RenderJob(const v1::Job& job, absl::Time now, const ViewOptions& options) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& text, const char* colour = "") {
    lines.push_back(Painted(Fit(text, options.width), colour, options));
  };
  std::string head = absl::StrCat(Title(job), "  ", StateName(job.state()));
  if (job.attempt() > 1) absl::StrAppend(&head, "  attempt ", job.attempt());
  if (!job.training().phase().empty() && job.training().phase() != "train") {
    absl::StrAppend(&head, "  ", job.training().phase());
  }
  if (job.has_ingest() && !job.ingest().phase().empty()) absl::StrAppend(&head, "  ", job.ingest().phase());
  if (!job.evaluation().phase().empty()) absl::StrAppend(&head, "  ", job.evaluation().phase());
  add(head, options.colour ? StateColour(job.state()) : "");
  if (const std::string why = WhyText(job); !why.empty()) add(absl::StrCat("  ", why), kDim);
  const double fraction = Fraction(job);
  std::string tail = absl::StrFormat(" %3.0f %%  %s", 100 * fraction, Counter(job));
  if (Eta(job) > 0 && !IsTerminalState(job.state())) absl::StrAppend(&tail, "  ETA ", FormatDuration(Eta(job)));
  const int bar_width = std::max(10, options.width - 2 - static_cast<int>(tail.size()));
  add(absl::StrCat("  ", Bar(fraction, std::min(bar_width, 60)), tail), kBold);
  if (job.has_training()) {
    add(absl::StrCat("  ", Losses(job.training())));
    add(absl::StrCat("  ", Speed(job.training())));
    add(absl::StrCat("  ", CheckpointAge(job.training(), now)));
    for (const char* split : {"held_out", "train", "probe"}) {
      if (const v1::Validation* v = Newest(job.training(), split)) add(absl::StrCat("  ", ValidationText(*v)));
    }
  } else if (job.has_ingest()) {
    add(absl::StrCat("  ", IngestCounts(job.ingest())));
    if (const std::string speed = IngestSpeed(job.ingest()); !speed.empty() && !IsTerminalState(job.state())) {
      add(absl::StrCat("  ", speed));
    }
  } else if (job.has_evaluation()) {
    if (job.evaluation().seconds_per_case() > 0 && !IsTerminalState(job.state())) {
      add(absl::StrCat("  ", FormatNumber(job.evaluation().seconds_per_case()), " s per case"));
    }
    for (const std::string& line : Scores(job.evaluation())) add(absl::StrCat("  ", line));
  }
  return lines;
}

std::string PlainLine(const v1::Job& job, const v1::Job& previous, absl::Time now) {
  const bool changed = job.state() != previous.state() || job.reason() != previous.reason() ||
                       job.attempt() != previous.attempt() ||
                       job.training().validations_size() != previous.training().validations_size() ||
                       job.training().checkpoint_step() != previous.training().checkpoint_step() ||
                       std::floor(Fraction(job) / kPlainEvery) != std::floor(Fraction(previous) / kPlainEvery);
  if (!changed) return "";
  std::string line =
      absl::StrCat(absl::FormatTime("%H:%M:%S", now, absl::LocalTimeZone()), " ", StateName(job.state()));
  if (const std::string why = WhyText(job); !why.empty()) absl::StrAppend(&line, " ", why);
  if (job.has_training() && job.training().total_steps() > 0) {
    absl::StrAppend(&line, "  ", Counter(job));
    if (job.training().step() > 0) absl::StrAppend(&line, "  ", Losses(job.training()), "  ", Speed(job.training()));
    if (job.training().has_checkpoint_time()) absl::StrAppend(&line, "  ", CheckpointAge(job.training(), now));
    if (Eta(job) > 0 && !IsTerminalState(job.state())) absl::StrAppend(&line, "  ETA ", FormatDuration(Eta(job)));
    for (int i = previous.training().validations_size(); i < job.training().validations_size(); ++i) {
      absl::StrAppend(&line, "\n         ", ValidationText(job.training().validations(i)));
    }
  } else if (job.has_ingest() && job.ingest().files() > 0) {
    absl::StrAppend(&line, "  ", Counter(job), "  ", IngestCounts(job.ingest()));
    if (!IsTerminalState(job.state())) {
      if (const std::string speed = IngestSpeed(job.ingest()); !speed.empty()) absl::StrAppend(&line, "  ", speed);
      if (Eta(job) > 0) absl::StrAppend(&line, "  ETA ", FormatDuration(Eta(job)));
    }
  } else if (job.evaluation().cases() > 0) {
    absl::StrAppend(&line, "  ", Counter(job));
    if (Eta(job) > 0 && !IsTerminalState(job.state())) absl::StrAppend(&line, "  ETA ", FormatDuration(Eta(job)));
  }
  return line;
}

std::string RenderOutcome(const v1::Job& job) {
  std::string text = absl::StrCat(Title(job), " ", StateName(job.state()));
  if (job.has_start_time() && job.has_end_time()) {
    absl::StrAppend(&text, " after ",
                    FormatDuration(static_cast<double>(job.end_time().seconds() - job.start_time().seconds())));
  }
  if (const std::string why = WhyText(job); !why.empty()) absl::StrAppend(&text, "\n  ", why);
  if (job.has_training()) {
    for (const char* split : {"held_out", "train", "probe"}) {
      const v1::Validation* last = Newest(job.training(), split);
      if (last == nullptr) continue;
      for (const v1::Validation& first : job.training().validations()) {
        if (first.split() != split) continue;
        absl::StrAppend(&text, absl::StrFormat("\n  %-8s ", split), ChangeText(first.metrics(), last->metrics()));
        break;
      }
    }
  }
  if (job.has_ingest()) absl::StrAppend(&text, "\n  ", IngestCounts(job.ingest()));
  for (const std::string& line : Scores(job.evaluation())) absl::StrAppend(&text, "\n  ", line);
  if (job.evaluation().scores_size() > 0)
    absl::StrAppend(&text, "\n  report: ", job.folder(), "/evaluation/report.html");
  if (!job.dataset_version().empty()) absl::StrAppend(&text, "\n  dataset ", job.dataset_version());
  if (!job.folder().empty() && job.has_training()) absl::StrAppend(&text, "\n  files in ", job.folder());
  return text;
}

}  // namespace amaes
