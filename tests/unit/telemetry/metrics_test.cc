#include "libs/telemetry/metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <thread>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, NothingIsAnEmptyPage) { EXPECT_EQ(MakePrometheusMetrics()->Serialize(), ""); }

TEST(MetricsTest, CountersAddUpBySeries) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Add("amaes_jobs_total", "Jobs that ended.", {{"state", "SUCCEEDED"}}, 1);
  metrics->Add("amaes_jobs_total", "Jobs that ended.", {{"state", "SUCCEEDED"}}, 2);
  metrics->Add("amaes_jobs_total", "Jobs that ended.", {{"state", "FAILED"}}, 0);
  EXPECT_EQ(metrics->Serialize(),
            "# HELP amaes_jobs_total Jobs that ended.\n"
            "# TYPE amaes_jobs_total counter\n"
            "amaes_jobs_total{state=\"FAILED\"} 0\n"
            "amaes_jobs_total{state=\"SUCCEEDED\"} 3\n");
}

TEST(MetricsTest, GaugesAreSetAndForgotten) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Set("amaes_train_step", "Newest step.", {{"job", "job-1"}}, 5);
  metrics->Set("amaes_train_step", "Newest step.", {{"job", "job-1"}}, 4);
  metrics->Set("amaes_train_step", "Newest step.", {{"job", "job-2"}}, 7);
  metrics->Remove("amaes_train_step", {{"job", "job-1"}});
  EXPECT_EQ(metrics->Serialize(),
            "# HELP amaes_train_step Newest step.\n"
            "# TYPE amaes_train_step gauge\n"
            "amaes_train_step{job=\"job-2\"} 7\n");
  metrics->Remove("amaes_train_step", {{"job", "job-2"}});
  EXPECT_EQ(metrics->Serialize(), "");
  metrics->Set("amaes_train_step", "Newest step.", {{"job", "job-2"}}, 8);
  EXPECT_THAT(metrics->Serialize(), HasSubstr("amaes_train_step{job=\"job-2\"} 8\n"));
}

TEST(MetricsTest, ForgettingWhatIsNotThereMakesNothing) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Remove("amaes_train_step", {{"job", "job-1"}});
  metrics->Set("amaes_train_step", "Newest step.", {}, 1);
  metrics->Remove("amaes_train_step", {{"job", "job-1"}});
  EXPECT_THAT(metrics->Serialize(), Not(HasSubstr("job-1")));
}

TEST(MetricsTest, HistogramsCountCumulatively) {
  const auto metrics = MakePrometheusMetrics();
  for (double seconds : {0.5, 1.0, 3.0, 100.0}) {
    metrics->Observe("amaes_commit_seconds", "Time of a commit.", {{"store", "main"}}, {1, 10}, seconds);
  }
  EXPECT_EQ(metrics->Serialize(),
            "# HELP amaes_commit_seconds Time of a commit.\n"
            "# TYPE amaes_commit_seconds histogram\n"
            "amaes_commit_seconds_count{store=\"main\"} 4\n"
            "amaes_commit_seconds_sum{store=\"main\"} 104.5\n"
            "amaes_commit_seconds_bucket{store=\"main\",le=\"1\"} 2\n"
            "amaes_commit_seconds_bucket{store=\"main\",le=\"10\"} 3\n"
            "amaes_commit_seconds_bucket{store=\"main\",le=\"+Inf\"} 4\n");
}

TEST(MetricsTest, LabelValuesAreEscaped) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Set("amaes_info", "Text.", {{"text", "a\"b\\c\nd"}}, 1);
  EXPECT_THAT(metrics->Serialize(), HasSubstr(R"(amaes_info{text="a\"b\\c\nd"} 1)"));
}

TEST(MetricsTest, SpecialValuesAreSpelledAsPrometheusReadsThem) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Set("amaes_value", "Value.", {{"k", "inf"}}, std::numeric_limits<double>::infinity());
  metrics->Set("amaes_value", "Value.", {{"k", "minus"}}, -std::numeric_limits<double>::infinity());
  metrics->Set("amaes_value", "Value.", {{"k", "nan"}}, std::nan(""));
  const std::string text = metrics->Serialize();
  EXPECT_THAT(text, HasSubstr("{k=\"inf\"} +Inf\n"));
  EXPECT_THAT(text, HasSubstr("{k=\"minus\"} -Inf\n"));
  EXPECT_THAT(text, HasSubstr("{k=\"nan\"} Nan\n"));
}

TEST(MetricsTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 4, kEach = 2000;
  const auto metrics = MakePrometheusMetrics();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        metrics->Add("amaes_steps_total", "Steps.", {}, 1);
        metrics->Set("amaes_thread", "Thread.", {{"thread", absl::StrCat(t)}}, i);
        if (i % 100 == 0) metrics->Serialize();
        if (i % 7 == 0) metrics->Remove("amaes_thread", {{"thread", absl::StrCat(t)}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics->Serialize(), HasSubstr(absl::StrCat("amaes_steps_total ", kThreads * kEach, "\n")));
}

TEST(MetricsDeathTest, OurOwnMistakesEndTheProgram) {
  const auto metrics = MakePrometheusMetrics();
  metrics->Set("amaes_a", "A.", {}, 1);
  EXPECT_DEATH(metrics->Add("amaes_a", "A.", {}, 1), "contains");
  EXPECT_DEATH(metrics->Add("amaes_b_total", "B.", {}, -1), "amount");
  EXPECT_DEATH(metrics->Set("amaes b", "B.", {}, 1), "CheckMetricName");
  EXPECT_DEATH(metrics->Set("amaes_b", "B.", {{"bad-label", "x"}}, 1), "CheckLabelName");
}

}  // namespace
}  // namespace amaes
