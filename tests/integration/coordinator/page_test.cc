// The status pages and the metrics, without a server.
#include <fstream>

#include "services/coordinator/html.h"
#include "services/coordinator/pages.h"
#include "services/coordinator/shard_plan.h"
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PageTest : public EngineTest {
 protected:
  HttpReply Get(const std::string& path) { return Pages(*engine_, gauges_, clock_).Handle(path); }
  Gauges gauges_{*engine_, *metrics_};
};

TEST_F(PageTest, TheOverviewShowsWhatIsThere) {
  EXPECT_THAT(Get("/").body, HasSubstr("No job yet"));
  TestAgent agent("node-7", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, TrainProgress{.step = 25, .metrics = {{"loss_masked", 0.5}}}));
  EXPECT_OK(agent.Report({id, 1, 0}, CheckpointCommitted{.name = "00000010-001", .step = 10, .manifest_sha256 = "a"}));
  const HttpReply reply = Get("/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, AllOf(HasSubstr("job-1"), HasSubstr("step 25 of 100"), HasSubstr("width:25.0%"),
                                HasSubstr("node-7"), HasSubstr("00000010-001"), HasSubstr("brains@1")));
}

TEST_F(PageTest, AJobHasAPage) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(
      agent.Report({id, 1, 0}, ValidationResult{.step = 0, .split = "held_out", .metrics = {{"masked_r2", 0.4321}}}));
  EXPECT_OK(agent.Exit({id, 1, 1}, "KILLED", "<script>alert(1)</script>"));
  const HttpReply reply = Get("/jobs/job-1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, AllOf(HasSubstr("0.4321"), HasSubstr("held_out"), HasSubstr("WORKER_FAILED"),
                                HasSubstr("&lt;script&gt;"), Not(HasSubstr("<script>"))));
  EXPECT_EQ(Get("/jobs/job-1/picture").status, 404);
  EXPECT_EQ(Get("/jobs/nothing").status, 404);
  EXPECT_EQ(Get("/jobs/../../etc/passwd").status, 404);
  EXPECT_EQ(Get("/elsewhere").status, 404);
  EXPECT_EQ(Get("/healthz").body, "ok\n");
}

TEST_F(PageTest, ThePictureOfAJob) {
  const JobId id = Submit(1);
  const std::filesystem::path folder = home_.path() / "jobs" / id.value / "pictures";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "run.png") << "PNG";
  const HttpReply reply = Get("/jobs/job-1/picture");
  EXPECT_EQ(reply.content_type, "image/png");
  EXPECT_EQ(reply.body, "PNG");
  EXPECT_THAT(Get("/jobs/job-1").body, HasSubstr("src=\"/jobs/job-1/pictures/run.png\""));
}

TEST_F(PageTest, PicturesOfValidations) {
  const JobId id = Submit(1);
  const std::filesystem::path folder = home_.path() / "jobs" / id.value / "pictures";
  std::filesystem::create_directories(folder);
  for (const char* name : {"00000000-held_out.png", "00000050-held_out.png", "00000050-train.png", "notes.txt"}) {
    std::ofstream(folder / name) << name;
  }
  const std::string body = Get("/jobs/job-1").body;
  EXPECT_THAT(body, AllOf(HasSubstr("src=\"/jobs/job-1/pictures/00000050-held_out.png\""),
                          HasSubstr("src=\"/jobs/job-1/pictures/00000050-train.png\""),
                          HasSubstr("href=\"/jobs/job-1/pictures/00000000-held_out.png\""),
                          Not(HasSubstr("src=\"/jobs/job-1/pictures/00000000")), Not(HasSubstr("notes"))));
  EXPECT_EQ(Get("/jobs/job-1/pictures/00000000-held_out.png").body, "00000000-held_out.png");
  for (const char* other : {"notes.txt", "../spec.json", "00000001-train.png", ""}) {
    EXPECT_EQ(Get(std::string("/jobs/job-1/pictures/") + other).status, 404) << other;
  }
}

TEST_F(PageTest, MetricsOfALiveJobGoWithIt) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, TrainProgress{.step = 25,
                                                   .metrics = {{"loss_masked", 0.5}},
                                                   .data_wait_ratio = 0.25,
                                                   .disk_bytes = 5000,
                                                   .cache_hits = 12}));
  Get("/metrics");
  EXPECT_EQ(Metric("amaes_job_step{job=\"job-1\"}"), 25);
  EXPECT_EQ(Metric("amaes_job_loss_masked{job=\"job-1\"}"), 0.5);
  EXPECT_EQ(Metric("amaes_job_data_wait_ratio{job=\"job-1\"}"), 0.25);
  EXPECT_EQ(Metric("amaes_job_disk_bytes{job=\"job-1\"}"), 5000);
  EXPECT_EQ(Metric("amaes_job_cache_hits{job=\"job-1\"}"), 12);
  EXPECT_EQ(Metric("amaes_job_last_checkpoint_step{job=\"job-1\"}"), -1);
  EXPECT_EQ(Metric("amaes_jobs{state=\"RUNNING\"}"), 1);
  EXPECT_EQ(Metric("amaes_nodes{state=\"ready\"}"), 1);
  EXPECT_EQ(Metric("amaes_slots{state=\"used\"}"), 2);
  EXPECT_GT(Metric("process_resident_memory_bytes"), 1e6);
  FinishAll(agent, id, 1);
  Get("/metrics");
  EXPECT_EQ(Metric("amaes_job_step{job=\"job-1\"}"), -1);
  EXPECT_EQ(Metric("amaes_jobs{state=\"RUNNING\"}"), 0);
  EXPECT_EQ(Metric("amaes_jobs{state=\"SUCCEEDED\"}"), 1);
  EXPECT_EQ(Metric("amaes_slots{state=\"free\"}"), 2);
}

TEST(Html, EverythingIsEscaped) {
  EXPECT_EQ(html::Escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_THAT(html::Page("<t>", 0, ""), Not(HasSubstr("<t>")));
  EXPECT_THAT(html::Link("\"><script>", "<b>"), AllOf(Not(HasSubstr("<script>")), Not(HasSubstr("<b>"))));
}

TEST(Html, QuantitiesInWords) {
  EXPECT_EQ(html::Bytes(999), "999 B");
  EXPECT_EQ(html::Bytes(4.2e9), "4.2 GB");
  EXPECT_EQ(html::Seconds(0), "–");
  EXPECT_EQ(html::Seconds(59), "59 s");
  EXPECT_EQ(html::Seconds(7500), "2 h 5 min");
  EXPECT_EQ(html::Number(0.123456), "0.1235");
}

TEST(ShardPlan, EveryVolumeOfThePassBelongsToOneRank) {
  DatasetVersion dataset;
  for (int i = 0; i < 23; ++i) {
    CatalogueEntry entry;
    entry.stored_bytes = 1 << i % 8;
    entry.split = i < 3 ? Split::kHeldOut : Split::kTrain;
    dataset.entries.push_back(entry);
  }
  JobSpec spec;
  spec.pretrain.global_batch = 7;
  spec.pretrain.workers = 3;
  for (const std::int64_t step : {0, 2, 3, 100}) {
    const v1::ShardPlan plan =
        MakeShardPlan(spec, step, 0, {}, dataset, *ResolveSelection(dataset, "", ""), dataset.Indices(Split::kTrain));
    std::int64_t volumes = 0, bytes = 0, lanes = 0, all_bytes = 0;
    for (const auto& shard : plan.shards()) {
      volumes += shard.volumes();
      bytes += shard.bytes();
      lanes += shard.last_lane() - shard.first_lane();
      EXPECT_GT(shard.volumes(), 0);
    }
    for (int i = 3; i < 23; ++i) all_bytes += dataset.entries[i].stored_bytes;
    EXPECT_EQ(volumes, 20);
    EXPECT_EQ(bytes, all_bytes);
    EXPECT_EQ(lanes, 7);
    EXPECT_EQ(plan.position(), step * 7);
    EXPECT_EQ(plan.pass(), step * 7 / 20);
  }
}

TEST(ShardPlan, GroupsOfCoupledSamplesStayTogether) {
  DatasetVersion dataset;
  dataset.entries.resize(5);
  for (CatalogueEntry& entry : dataset.entries) entry.split = Split::kTrain;
  JobSpec spec;
  spec.pretrain.network.name = "swin_unetr";
  spec.pretrain.objective = {.name = "swinunetr", .group = 4};
  spec.pretrain.global_batch = 12;
  spec.pretrain.workers = 2;
  const v1::ShardPlan plan =
      MakeShardPlan(spec, 0, 0, {}, dataset, *ResolveSelection(dataset, "", ""), dataset.Indices(Split::kTrain));
  ASSERT_EQ(plan.shards_size(), 2);
  EXPECT_EQ(plan.shards(0).last_lane(), 4);
  EXPECT_EQ(plan.shards(1).first_lane(), 4);
  EXPECT_EQ(plan.shards(1).last_lane(), 12);
}

}  // namespace
}  // namespace amaes
