// A coordinator in a process of its own that is killed between commit and reply.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/rpc/client.h"
#include "libs/store/store.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/coordinator/coordinator.h"
#include "tests/integration/coordinator/dataset_fixture.h"

namespace amaes {
namespace {

// Not empty: this process is a coordinator under that folder.
constexpr char kHomeVariable[] = "AMAES_TEST_COORDINATOR_HOME";

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    DatasetRecord record;
    record.name = "brains";
    record.version = 1;
    record.training_volumes = record.volumes = 20;
    record.digest = "d";
    record.created = absl::FromUnixSeconds(1'800'000'000);
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
    EXPECT_OK(store);
    EXPECT_OK((*store)->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(record); }));
  }

  Subprocess Start(const std::string& fault) {
    std::filesystem::remove(home_.path() / "run" / "coordinator.json");
    SubprocessOptions options;
    options.arguments = {OwnProgram()};
    options.environment = {{kHomeVariable, home_.path().string()}, {"AMAES_FAULT", fault}};
    absl::StatusOr<Subprocess> child = Subprocess::Start(options);
    EXPECT_OK(child);
    return *std::move(child);
  }

  // Until it has written its addresses, or has ended. A minute is for a test that fails.
  std::string WaitForAddress() {
    const absl::Duration end = SystemClock().Monotonic() + absl::Minutes(1);
    while (SystemClock().Monotonic() < end) {
      if (const auto addresses = ReadCoordinatorAddresses(home_.path()); addresses.ok()) return addresses->grpc;
      std::this_thread::yield();
    }
    ADD_FAILURE() << "the coordinator did not start";
    return "127.0.0.1:1";
  }

  TempDir home_;
};

TEST_F(CrashTest, KilledBetweenCommitAndReplyGivesOneJob) {
  v1::CreateJobRequest request;
  request.set_request_id(NewRequestId());
  request.mutable_spec()->mutable_pretrain()->mutable_dataset()->set_name("brains");
  CallOptions once;
  once.retry_unavailable = false;
  once.deadline = absl::Minutes(1);
  {
    Subprocess child = Start("point=job_committed,kill=self");
    v1::JobService::Stub jobs(MakeChannel(WaitForAddress()));
    EXPECT_THAT(Call(jobs, &v1::JobService::Stub::CreateJob, request, once), StatusIs(absl::StatusCode::kUnavailable));
    const absl::StatusOr<ExitStatus> status = child.Wait(absl::Minutes(1));
    ASSERT_OK(status);
    EXPECT_EQ(status->signal, SIGKILL);
  }
  Subprocess child = Start("");
  v1::JobService::Stub jobs(MakeChannel(WaitForAddress()));
  const auto again = Call(jobs, &v1::JobService::Stub::CreateJob, request, once);
  ASSERT_OK(again);
  EXPECT_TRUE(again->replayed());
  const auto list = Call(jobs, &v1::JobService::Stub::ListJobs, v1::ListJobsRequest(), once);
  ASSERT_OK(list);
  ASSERT_EQ(list->jobs_size(), 1);
  EXPECT_EQ(list->jobs(0).id(), again->job().id());
  // And an orderly end.
  child.Signal(SIGTERM);
  const absl::StatusOr<ExitStatus> status = child.Wait(absl::Minutes(1));
  ASSERT_OK(status);
  EXPECT_TRUE(status->success()) << status->ToString();
  EXPECT_FALSE(std::filesystem::exists(home_.path() / "run" / "coordinator.json"));
}

// A change of a dataset, killed at every step: the next start finishes it, or nothing has happened.
class ChangeCrashTest : public CrashTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(ChangeCrashTest, IsFinishedByTheNextStartOrHasNotHappened) {
  {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
    ASSERT_OK(store);
    Retire(**store, "brains");
    std::vector<TestScan> scans;
    for (int i = 0; i < 6; ++i) scans.push_back({absl::StrCat("P", i), "T1w", i});
    AddVersion(home_.path(), **store, "heads", 1, scans);
    AddVersion(home_.path(), **store, "other", 1, {{"P1", "T1w", 1}});
  }
  v1::ChangeDatasetRequest request;
  request.set_name("heads");
  request.set_request_id(NewRequestId());
  request.set_reason("withdrawn");
  request.mutable_selector()->add_subjects("P0");
  request.mutable_selector()->add_subjects("P1");
  CallOptions once;
  once.retry_unavailable = false;
  once.deadline = absl::Minutes(1);
  {
    Subprocess child = Start(absl::StrCat("point=", GetParam(), ",kill=self"));
    v1::DatasetService::Stub datasets(MakeChannel(WaitForAddress()));
    EXPECT_THAT(Call(datasets, &v1::DatasetService::Stub::ForgetVolumes, request, once),
                StatusIs(absl::StatusCode::kUnavailable));
    const absl::StatusOr<ExitStatus> status = child.Wait(absl::Minutes(1));
    ASSERT_OK(status);
    ASSERT_EQ(status->signal, SIGKILL) << "the fault point was not reached";
  }
  Subprocess child = Start("");
  v1::DatasetService::Stub datasets(MakeChannel(WaitForAddress()));
  const std::filesystem::path folder = home_.path() / "datasets" / "heads";
  const bool intended = std::string(GetParam()) != "store_before_commit";
  EXPECT_EQ(std::filesystem::exists(folder / "1"), !intended);
  EXPECT_EQ(std::filesystem::exists(folder / "2"), intended);
  EXPECT_EQ(StoredVolumes(home_.path(), 6),
            intended ? (std::set<int>{1, 2, 3, 4, 5}) : (std::set<int>{0, 1, 2, 3, 4, 5}));
  const auto again = Call(datasets, &v1::DatasetService::Stub::ForgetVolumes, request, once);
  ASSERT_OK(again);
  EXPECT_EQ(again->replayed(), intended);
  EXPECT_EQ(again->version(), 2);
  EXPECT_EQ(again->removed_volumes(), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "1"));
  EXPECT_EQ(StoredVolumes(home_.path(), 6), (std::set<int>{1, 2, 3, 4, 5}));
  const auto version = ReadVersion(folder / "2");
  ASSERT_OK(version);
  EXPECT_EQ(version->entries.size(), 4u);
  int folders = 0;
  for (const auto& each : std::filesystem::directory_iterator(folder)) folders += each.path().filename() != "2";
  EXPECT_EQ(folders, 0) << "nothing half-done is left";
  child.Signal(SIGTERM);
  EXPECT_OK(child.Wait(absl::Minutes(1)));
}

INSTANTIATE_TEST_SUITE_P(Steps, ChangeCrashTest,
                         ::testing::Values("store_before_commit", "dataset_change_planned", "dataset_renamed",
                                           "dataset_change_placed", "dataset_change_published",
                                           "dataset_catalogue_removed", "dataset_volume_removed",
                                           "dataset_change_removed"),
                         [](const auto& step) { return std::string(step.param); });

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (const char* home = getenv(amaes::kHomeVariable); home != nullptr) {
    amaes::CoordinatorOptions options;
    options.home = home;
    options.listen = "127.0.0.1:0";
    options.http = "";
    return amaes::RunCoordinator(options).ok() ? 0 : 1;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
