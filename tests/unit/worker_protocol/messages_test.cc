#include "libs/worker_protocol/messages.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

// One of each kind, no field left at its default.
std::vector<WorkerCommand> EveryCommand() {
  return {WorkerStart{.protocol_version = 7,
                      .job = "job-7f3k2m",
                      .attempt = 3,
                      .rank = 5,
                      .world_size = 8,
                      .spec_json = R"({"kind":"pretrain"})",
                      .job_folder = "/data/jobs/job-7f3k2m",
                      .volumes_folder = "/data/volumes",
                      .dataset_folder = "/data/datasets/brains/2",
                      .bind_address = "10.0.0.7",
                      .device_index = 2,
                      .first_lane = 10,
                      .last_lane = 12,
                      .staging_folder = "/data/staging",
                      .previous_folder = "/data/datasets/brains/1",
                      .probe_dataset_folder = "/data/datasets/labelled/4"},
          KeyValue{.key = "rank/0", .value = "10.0.0.7:4000", .aborted = true},
          WorkerStop{.reason = "cancelled by the user"}};
}

std::vector<WorkerReport> EveryReport() {
  return {WorkerHello{.protocol_version = 9, .software = "amaes-worker 0.1.0"},
          WorkerPhase{.phase = "rendezvous", .step = 12},
          KeyValue{.key = "rank/0", .value = "äöü 日本 🧠", .aborted = true},
          KeyWait{.key = "rank/1"},
          TrainProgress{.step = 1'000'000'000'000,
                        .metrics = {{"loss_masked", 0.125}, {"loss_visible", -0.0}, {"masked_r2", -3.5}},
                        .learning_rate = 1e-300,
                        .samples_per_second = 1e300,
                        .data_wait_ratio = 0.1,
                        .step_seconds = 0.3,
                        .peak_memory_bytes = std::numeric_limits<std::int64_t>::max(),
                        .disk_bytes = 1'000'000,
                        .cache_hits = 7},
          ValidationResult{.step = 5, .split = "held_out", .metrics = {{"loss_masked", 1}, {"masked_r2", 3}}},
          CheckpointCommitted{.name = "000500-1",
                              .step = 500,
                              .manifest_sha256 = std::string(64, 'a'),
                              .size_bytes = 1 << 30,
                              .parent = "000400-1",
                              .metrics = {{"loss_masked", 0.5}},
                              .stall_seconds = 0.25,
                              .persist_seconds = 2.5,
                              .best = true},
          CheckpointRejected{.name = "000500-1", .reason = "digest differs"},
          CheckpointDeleted{.name = "000400-1"},
          IngestCount{.files = 7,
                      .done = 6,
                      .volumes = 5,
                      .quarantined = 4,
                      .duplicates = 3,
                      .skipped = 2,
                      .voxels = 1,
                      .unchanged = 8,
                      .total_voxels = 9,
                      .disk_bytes = 10,
                      .voxels_per_second = 11.5,
                      .estimated_seconds = 12.5},
          EvaluationCount{.cases = 9, .done = 4, .cases_per_second = 0.25},
          EvaluationScores{.rows = {{"lesion", "dice", 0.75, 0.125, 8, 1, 2}, {"all", "dice", 0.5, 0, 1, 0, 0}}},
          DatasetStaged{.digest = std::string(64, 'b')},
          WorkerFinished{.complete = true, .step = 1000},
          WorkerFailed{.reason = "DATA_DAMAGED", .message = "chunk 3 of volume 1f", .retryable = false},
          PictureWritten{.step = 500, .split = "held_out", .name = "00000500-held_out.png"}};
}

TEST(MessagesTest, EveryCommandComesBackAsItWas) {
  const std::vector<WorkerCommand> commands = EveryCommand();
  ASSERT_EQ(commands.size(), std::variant_size_v<WorkerCommand>);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    ASSERT_EQ(commands[i].index(), i) << "every alternative once";
    ASSERT_OK_AND_ASSIGN(const WorkerCommand back, DecodeCommand(EncodeCommand(commands[i])));
    EXPECT_TRUE(back == commands[i]) << i;
  }
}

TEST(MessagesTest, EveryReportComesBackAsItWas) {
  const std::vector<WorkerReport> reports = EveryReport();
  ASSERT_EQ(reports.size(), std::variant_size_v<WorkerReport>);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    ASSERT_EQ(reports[i].index(), i) << "every alternative once";
    ASSERT_OK_AND_ASSIGN(const WorkerReport back, DecodeReport(EncodeReport(reports[i])));
    EXPECT_TRUE(back == reports[i]) << i;
  }
}

TEST(MessagesTest, ValuesAtTheirDefaultComeBackToo) {
  const std::vector<WorkerReport> reports = {
      WorkerHello{},   WorkerPhase{},    KeyValue{},    KeyWait{},
      TrainProgress{}, WorkerFinished{}, IngestCount{}, WorkerFailed{.retryable = true}};
  for (const WorkerReport& report : reports) {
    ASSERT_OK_AND_ASSIGN(const WorkerReport back, DecodeReport(EncodeReport(report)));
    EXPECT_TRUE(back == report) << report.index();
  }
}

TEST(MessagesTest, AFailureArrivesWhateverBytesItQuotes) {
  const WorkerFailed failed{.reason = "BAD_SPEC", .message = "file \xff\xfe \xed\xa0\x80 caf\xc3\xa9 \xc3"};
  ASSERT_OK_AND_ASSIGN(const WorkerReport back, DecodeReport(EncodeReport(failed)));
  EXPECT_EQ(std::get<WorkerFailed>(back).message, "file ?? ??? caf\xc3\xa9 ?");
}

TEST(HostileMessagesTest, EmptyIsRefusedByName) {
  EXPECT_THAT(DecodeCommand(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("worker command")));
  EXPECT_THAT(DecodeReport(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("worker report")));
}

TEST(HostileMessagesTest, UnknownFieldsBesideKnownContentAreTolerated) {
  const std::string unknown = "\xfa\x3e\x03xyz";  // field 1007, three bytes
  ASSERT_OK_AND_ASSIGN(const WorkerReport back, DecodeReport(EncodeReport(KeyWait{.key = "k"}) + unknown));
  EXPECT_TRUE(back == WorkerReport(KeyWait{.key = "k"}));
  EXPECT_THAT(DecodeReport(unknown), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(HostileMessagesTest, EveryTruncationIsAStatusOrAMessageNeverACrash) {
  for (const WorkerReport& report : EveryReport()) {
    const std::string bytes = EncodeReport(report);
    for (std::size_t kept = 0; kept < bytes.size(); ++kept) {
      const auto got = DecodeReport(bytes.substr(0, kept));
      EXPECT_THAT(got, StatusIs(absl::StatusCode::kInvalidArgument)) << report.index() << " cut at " << kept;
    }
  }
}

TEST(HostileMessagesTest, RandomChangesNeverCrash) {
  RandomStream random(42, Purpose::kPhantom, 0);
  const std::vector<WorkerReport> reports = EveryReport();
  const std::vector<WorkerCommand> commands = EveryCommand();
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = round % 2 == 0
                            ? EncodeReport(reports[random.UniformInt(static_cast<std::uint32_t>(reports.size()))])
                            : EncodeCommand(commands[random.UniformInt(3)]);
    for (int change = 0; change < 3; ++change) {
      bytes[random.UniformInt(static_cast<std::uint32_t>(bytes.size()))] = static_cast<char>(random.NextUint32());
    }
    const absl::Status report = DecodeReport(bytes).status(), command = DecodeCommand(bytes).status();
    EXPECT_TRUE(report.ok() || absl::IsInvalidArgument(report)) << report;
    EXPECT_TRUE(command.ok() || absl::IsInvalidArgument(command)) << command;
    refused += !report.ok();
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace amaes
