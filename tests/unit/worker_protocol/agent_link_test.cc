#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/mutex.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/worker_protocol/channel.h"
#include "tests/unit/worker_protocol/socket_pair.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

// Only ever waited for in full when a test fails.
constexpr absl::Duration kLong = absl::Seconds(30);

class Event {
 public:
  void Set() {
    MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  bool Wait() {
    MutexLock lock(mutex_);
    while (count_ == 0) {
      if (!changed_.WaitFor(mutex_, kLong)) return count_ > 0;
    }
    return true;
  }
  int count() {
    MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ = 0;
};

class AgentLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const auto ends, MakeSocketPair());
    agent_ = std::make_unique<FrameSocket>(ends.first);
    link_ = AgentLink::Create(
        ends.second, [this] { gone_.Set(); }, flush_timeout_);
  }
  WorkerReport NextReport() {
    const absl::StatusOr<std::string> bytes = agent_->Receive();
    EXPECT_OK(bytes);
    if (!bytes.ok()) return WorkerFailed{.reason = "TEST", .message = "no report"};
    absl::StatusOr<WorkerReport> report = DecodeReport(*bytes);
    EXPECT_OK(report);
    return *report;
  }
  void Command(const WorkerCommand& command) { EXPECT_OK(agent_->Send(EncodeCommand(command))); }

  absl::Duration flush_timeout_ = kLong;
  Event gone_;
  std::unique_ptr<FrameSocket> agent_;
  std::unique_ptr<AgentLink> link_;
};

TEST_F(AgentLinkTest, ReportsArriveInOrder) {
  std::vector<WorkerReport> sent = {WorkerHello{.software = "test"}, WorkerPhase{.phase = "train", .step = 1},
                                    TrainProgress{.step = 2}, WorkerFinished{.complete = true, .step = 2}};
  for (const WorkerReport& report : sent) link_->Report(report);
  for (const WorkerReport& report : sent) EXPECT_TRUE(NextReport() == report) << report.index();
}

TEST_F(AgentLinkTest, StartArrivesWhole) {
  const WorkerStart start{.job = "job-1", .attempt = 2, .rank = 1, .world_size = 2, .spec_json = "{}"};
  Command(start);
  ASSERT_OK_AND_ASSIGN(const WorkerStart got, link_->WaitForStart(kLong));
  EXPECT_TRUE(got == start);
}

TEST_F(AgentLinkTest, ANewerProtocolIsRefusedByName) {
  Command(WorkerStart{.protocol_version = kWorkerProtocolVersion + 1});
  EXPECT_THAT(link_->WaitForStart(kLong), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr(absl::StrCat("protocol ", kWorkerProtocolVersion + 1))));
}

TEST_F(AgentLinkTest, WaitsEndAtTheirDeadline) {
  EXPECT_THAT(link_->WaitForStart(absl::ZeroDuration()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(link_->Wait("rank/3", absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("rank/3")));
}

TEST_F(AgentLinkTest, StopIsSeenWithItsFirstReason) {
  EXPECT_EQ(link_->stop_requested(), std::nullopt);
  Command(WorkerStop{.reason = "cancelled"});
  Command(WorkerStop{.reason = "again"});
  Command(WorkerStart{.job = "job-1"});  // commands are handled in order
  ASSERT_OK(link_->WaitForStart(kLong));
  EXPECT_EQ(link_->stop_requested(), "cancelled");
}

TEST_F(AgentLinkTest, KeyValueTableSetsAndWaits) {
  ASSERT_OK(link_->Set("rank/0", "10.0.0.7:1"));
  EXPECT_TRUE(NextReport() == WorkerReport(KeyValue{.key = "rank/0", .value = "10.0.0.7:1"}));
  std::thread waiting([this] {
    ASSERT_OK_AND_ASSIGN(const std::string value, link_->Wait("rank/1", kLong));
    EXPECT_EQ(value, "10.0.0.8:1");
  });
  EXPECT_TRUE(NextReport() == WorkerReport(KeyWait{.key = "rank/1"}));
  Command(KeyValue{.key = "rank/2", .value = "of another"});
  Command(KeyValue{.key = "rank/1", .value = "10.0.0.8:1"});
  waiting.join();
}

TEST_F(AgentLinkTest, AnOverAttemptAbortsEveryWait) {
  std::thread waiting([this] { EXPECT_THAT(link_->Wait("a", kLong), StatusIs(absl::StatusCode::kAborted)); });
  EXPECT_TRUE(NextReport() == WorkerReport(KeyWait{.key = "a"}));
  Command(KeyValue{.key = "b", .aborted = true});
  waiting.join();
  EXPECT_THAT(link_->Wait("c", kLong), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(AgentLinkTest, KeysAreTextAndFitIntoAMessage) {
  EXPECT_THAT(link_->Set("id\xff", "1"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  EXPECT_THAT(link_->Set("id", std::string(kMaxWorkerMessageBytes, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AgentLinkTest, AgentGoneIsToldOnceAndEndsEveryWait) {
  std::thread waiting([this] { EXPECT_THAT(link_->Wait("a", kLong), StatusIs(absl::StatusCode::kUnavailable)); });
  EXPECT_TRUE(NextReport() == WorkerReport(KeyWait{.key = "a"}));
  agent_.reset();
  ASSERT_TRUE(gone_.Wait());
  waiting.join();
  EXPECT_THAT(link_->WaitForStart(kLong), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(link_->Set("a", "b"), StatusIs(absl::StatusCode::kUnavailable));
  link_->Report(WorkerPhase{});
  link_.reset();
  EXPECT_EQ(gone_.count(), 1);
}

TEST_F(AgentLinkTest, ClosingByOurselvesDoesNotCallTheAgentGone) {
  link_.reset();
  EXPECT_EQ(gone_.count(), 0);
  EXPECT_THAT(agent_->Receive(), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(AgentLinkTest, DestructorSendsWhatIsQueued) {
  constexpr int kReports = 200;
  std::thread reader([this] {
    for (int i = 0; i < kReports; ++i)
      EXPECT_TRUE(NextReport() == WorkerReport(WorkerPhase{.phase = std::string(10'000, 'p'), .step = i}));
    EXPECT_THAT(agent_->Receive(), StatusIs(absl::StatusCode::kOutOfRange));
  });
  for (int i = 0; i < kReports; ++i) link_->Report(WorkerPhase{.phase = std::string(10'000, 'p'), .step = i});
  link_.reset();
  reader.join();
}

class BlockedAgentTest : public AgentLinkTest {
 protected:
  void SetUp() override {
    flush_timeout_ = absl::Milliseconds(1);
    AgentLinkTest::SetUp();
  }
  // Fills the socket's buffers: nothing behind it is sent before the agent reads.
  const CheckpointRejected plug_{.name = "plug", .reason = std::string(8 << 20, 'x')};
};

TEST_F(BlockedAgentTest, ReportNeverBlocksAndOnlyOldProgressGivesWay) {
  link_->Report(plug_);
  std::vector<WorkerReport> kept;
  for (int step = 1; step <= 1000; ++step) {
    link_->Report(TrainProgress{.step = step});
    link_->Report(IngestCount{.files = 1000, .done = step});
    if (step % 100 == 0) {
      kept.push_back(WorkerPhase{.phase = "validate", .step = step});
      link_->Report(kept.back());
    }
  }
  EXPECT_TRUE(NextReport() == WorkerReport(plug_));
  std::vector<WorkerReport> got;
  for (std::size_t i = 0; i < kept.size() + 2; ++i) got.push_back(NextReport());
  // In the order in which they were reported: the newest progress came before the last phase.
  std::vector<WorkerReport> expected(kept.begin(), kept.end() - 1);
  expected.push_back(TrainProgress{.step = 1000});
  expected.push_back(IngestCount{.files = 1000, .done = 1000});
  expected.push_back(kept.back());
  EXPECT_TRUE(got == expected);
}

TEST_F(BlockedAgentTest, DestructorGivesUpAfterItsTimeout) {
  link_->Report(plug_);
  link_.reset();
  EXPECT_EQ(gone_.count(), 0);
}

TEST_F(BlockedAgentTest, AnAgentTooFarBehindCountsAsGone) {
  link_->Report(plug_);
  for (std::size_t i = 0; i <= kMaxQueuedReports + 1; ++i)
    link_->Report(WorkerPhase{.step = static_cast<std::int64_t>(i)});
  ASSERT_TRUE(gone_.Wait());
  EXPECT_THAT(link_->Set("a", "b"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("65536 reports")));
}

// The agent as an enemy: it writes bytes.
class HostileAgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const auto ends, MakeSocketPair());
    peer_ = std::make_unique<RawPeer>(ends.first);
    link_ = AgentLink::Create(ends.second, [this] { gone_.Set(); });
  }
  Event gone_;
  std::unique_ptr<RawPeer> peer_;
  std::unique_ptr<AgentLink> link_;
};

TEST_F(HostileAgentTest, CommandsThatAreNoneAreIgnored) {
  ASSERT_TRUE(peer_->Write(LengthPrefix(0) + LengthPrefix(3) + "\xff\xff\xff" + LengthPrefix(4) + "abcd"));
  const std::string start = EncodeCommand(WorkerStart{.job = "job-1"});
  ASSERT_TRUE(peer_->Write(LengthPrefix(static_cast<std::uint32_t>(start.size())) + start));
  ASSERT_OK_AND_ASSIGN(const WorkerStart got, link_->WaitForStart(kLong));
  EXPECT_EQ(got.job, "job-1");
  EXPECT_EQ(gone_.count(), 0);
}

TEST_F(HostileAgentTest, AFrameTooLongEndsTheLink) {
  ASSERT_TRUE(peer_->Write(LengthPrefix(0xFFFFFFFFu)));
  ASSERT_TRUE(gone_.Wait());
  EXPECT_THAT(link_->WaitForStart(kLong), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("4294967295")));
}

TEST_F(HostileAgentTest, AFrameCutOffEndsTheLink) {
  ASSERT_TRUE(peer_->Write(LengthPrefix(100) + "only this"));
  peer_->Close();
  ASSERT_TRUE(gone_.Wait());
  EXPECT_THAT(link_->Wait("a", kLong), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("inside a frame")));
}

TEST_F(HostileAgentTest, EndlessEmptyFramesDoNotKeepTheLinkFromClosing) {
  std::thread endless([this] {
    while (peer_->Write(std::string(1 << 16, '\0'))) {
    }
  });
  EXPECT_THAT(link_->WaitForStart(absl::Milliseconds(1)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  link_.reset();
  endless.join();
  EXPECT_EQ(gone_.count(), 0);
}

}  // namespace
}  // namespace amaes
