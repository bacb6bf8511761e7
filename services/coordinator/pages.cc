#include "services/coordinator/pages.h"

#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/coordinator/dataset_pages.h"
#include "services/coordinator/html.h"
#include "services/coordinator/job_page.h"
#include "services/coordinator/job_pictures.h"
#include "services/coordinator/job_view.h"

namespace amaes {
namespace {

constexpr int kRefreshSeconds = 5;
constexpr int kRows = 20;

std::string Section(absl::string_view title, const std::string& body) {
  return absl::StrCat("<section><h2>", title, "</h2>", body, "</section>");
}

std::string Nothing(absl::string_view what) { return absl::StrCat("<p class=\"soft\">", what, "</p>"); }

std::string JobsTable(const std::vector<JobView>& jobs, absl::Time now) {
  if (jobs.empty()) return Nothing("No job yet: <code>amaes submit</code> makes one.");
  std::vector<std::vector<std::string>> rows;
  for (const JobView& job : jobs) {
    const bool trains = job.spec.trains();
    const double eta = JobEta(job);
    rows.push_back(
        {absl::StrCat(html::Link(absl::StrCat("/jobs/", job.record.id.value), job.record.name),
                      "<br><span class=\"soft\">", html::Escape(job.record.id.value), "</span>"),
         JobKindName(job.spec.kind), StateBadge(job.record.state), html::Bar(ShareDone(job), ProgressLabel(job)),
         trains ? html::Number(LossOf(job.progress.training.metrics)) : "–", html::Seconds(eta),
         html::Seconds(absl::ToDoubleSeconds(now - job.record.created)),
         html::Escape(absl::StrCat(job.record.reason, job.record.message.empty() ? "" : ": ", job.record.message))});
  }
  return html::Table({"job", "kind", "state", "progress", "loss", "left", "age", ""}, rows);
}

std::string NodesTable(const std::vector<NodeState>& nodes) {
  if (nodes.empty()) return Nothing("No agent has registered: <code>amaes agent</code> starts one.");
  std::vector<std::vector<std::string>> rows;
  for (const NodeState& node : nodes) {
    std::string slots;
    for (const SlotInfo& slot : node.info.slots) {
      const auto used = node.used.find(slot.index);
      absl::StrAppend(&slots, slots.empty() ? "" : " ",
                      html::Badge(absl::StrCat(slot.gpu ? "gpu " : "cpu ", slot.index),
                                  used == node.used.end() ? "plain" : "busy"));
      if (used != node.used.end()) {
        absl::StrAppend(&slots, " ", html::Link(absl::StrCat("/jobs/", used->second.job.value), used->second.job.value),
                        ":", used->second.rank);
      }
    }
    rows.push_back({html::Escape(node.info.node.value),
                    node.ready ? html::Badge("ready", "good") : html::Badge("lost", "bad"), slots,
                    absl::StrCat(node.info.cores, " cores, ", html::Bytes(static_cast<double>(node.info.memory_bytes))),
                    html::Escape(node.info.address), html::Time(node.last_heartbeat_time)});
  }
  return html::Table({"node", "state", "slots", "size", "address", "last heartbeat (UTC)"}, rows);
}

}  // namespace

HttpReply Pages::Handle(const std::string& path) {
  if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", gauges_.Scrape()};
  if (path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n"};
  if (path == "/") return Overview();
  absl::string_view rest = path;
  if (path == "/datasets" || path == "/datasets/") return datasets_.List();
  if (absl::ConsumePrefix(&rest, "/datasets/")) {
    if (owner_only_) return datasets_.Report(std::string(rest));
    return {403, "text/html; charset=utf-8",
            html::Page("not here", 0,
                       Nothing("The pages of datasets name subjects: they are shown where the coordinator "
                               "listens on the loopback address only. <code>amaes dataset report</code> "
                               "makes the same page."))};
  }
  if (!absl::ConsumePrefix(&rest, "/jobs/")) return PageNotFound(absl::StrCat("There is no ", path, " here."));
  if (absl::ConsumeSuffix(&rest, "/picture")) return Picture(std::string(rest), kRunPicture);
  if (const std::size_t folder = rest.find("/pictures/"); folder != absl::string_view::npos) {
    return Picture(std::string(rest.substr(0, folder)), std::string(rest.substr(folder + strlen("/pictures/"))));
  }
  return Job(std::string(rest));
}

HttpReply Pages::Overview() {
  std::vector<JobView> jobs;
  const auto records = engine_.store().ListJobs({}, kRows, "");
  for (const JobRecord& record : records.ok() ? records->records : std::vector<JobRecord>()) {
    if (absl::StatusOr<JobView> view = engine_.View(record); view.ok()) jobs.push_back(*std::move(view));
  }
  const auto checkpoints = engine_.store().ListCheckpoints({"", CheckpointState::kCommitted}, kRows / 2, "");
  const auto datasets = engine_.store().ListDatasets("", kRows, "");
  const absl::Time now = clock_.Now();
  const std::string body =
      absl::StrCat(Section("Jobs", JobsTable(jobs, now)), Section("Nodes", NodesTable(engine_.Nodes())),
                   Section("Newest checkpoints",
                           CheckpointsTable(checkpoints.ok() ? checkpoints->records : std::vector<CheckpointRecord>())),
                   Section("<a href=\"/datasets\">Datasets</a>",
                           DatasetsTable(datasets.ok() ? datasets->records : std::vector<DatasetRecord>())));
  return {200, "text/html; charset=utf-8",
          html::Page(absl::StrCat("pretraining service · ", html::Time(now), " UTC"), kRefreshSeconds, body)};
}

HttpReply Pages::Job(const std::string& id) {
  const absl::StatusOr<JobView> view = engine_.GetJob(id);
  if (!view.ok()) return PageNotFound(std::string(view.status().message()));
  JobPageData data;
  data.job = *view;
  data.pictures = ListPictures(engine_.JobFolder(view->record.id));
  if (auto attempts = engine_.store().ListAttempts(view->record.id); attempts.ok())
    data.attempts = *std::move(attempts);
  if (auto found = engine_.store().ListCheckpoints({view->record.id.value, std::nullopt}, kRows, ""); found.ok()) {
    data.checkpoints = std::move(found->records);
  }
  // Oldest first in pages: the last of them are shown.
  std::string cursor;
  do {
    auto page = engine_.store().ListEvents(view->record.id, 1000, cursor);
    if (!page.ok()) break;
    data.events.insert(data.events.end(), page->records.begin(), page->records.end());
    if (data.events.size() > 200) data.events.erase(data.events.begin(), data.events.end() - 200);
    cursor = page->next_cursor;
  } while (!cursor.empty());
  const int refresh = IsTerminal(view->record.state) ? 0 : kRefreshSeconds;
  return {200, "text/html; charset=utf-8",
          html::Page(absl::StrCat("job ", view->record.name), refresh, JobPageBody(data))};
}

HttpReply Pages::Picture(const std::string& id, const std::string& name) {
  const absl::StatusOr<JobView> view = engine_.GetJob(id);
  if (!view.ok()) return PageNotFound(std::string(view.status().message()));
  absl::StatusOr<std::string> image = ReadPicture(engine_.JobFolder(view->record.id), name);
  if (!image.ok()) return PageNotFound("This job has no such picture.");
  return {200, "image/png", *std::move(image)};
}

}  // namespace amaes
