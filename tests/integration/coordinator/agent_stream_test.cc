// The stream between agent and coordinator, and the services that read what it brings.
#include <set>

#include "libs/dataset/catalogue.h"
#include "tests/integration/coordinator/server_fixture.h"

namespace amaes {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

TEST_F(ServerTest, TheWholeLifeOfAJob) {
  const std::string id = Submit(2);
  ScriptedAgent agent(address(), "a", 2);
  const v1::AgentCommand registered = agent.Wait([](const v1::AgentCommand& c) { return c.has_registered(); });
  EXPECT_EQ(registered.registered().heartbeat_seconds(), 2);
  const v1::StartWorker first = agent.WaitForStart(), second = agent.WaitForStart();
  const auto start = DecodeCommand(first.start());
  ASSERT_OK(start);
  EXPECT_EQ(std::get<WorkerStart>(*start).world_size, 2);
  // Rendezvous through the coordinator.
  agent.Report(second, KeyWait{"id"});
  agent.Report(first, KeyValue{"id", "deadbeef", false});
  const v1::AgentCommand answer = agent.Wait([](const v1::AgentCommand& c) { return c.has_command(); });
  EXPECT_EQ(answer.command().rank(), second.rank());
  EXPECT_EQ(std::get<KeyValue>(*DecodeCommand(answer.command().command())).value, "deadbeef");
  for (const v1::StartWorker& worker : {first, second}) agent.Report(worker, WorkerPhase{"train", 0});
  agent.WaitForAcknowledgement(
      agent.Report(first, ValidationResult{.step = 0, .split = "train", .metrics = {{"masked_r2", 0.5}}}));
  const auto running = Get(id);
  ASSERT_OK(running);
  EXPECT_EQ(running->state(), v1::JOB_STATE_RUNNING);
  EXPECT_THAT(running->training().validations(), SizeIs(1));
  EXPECT_EQ(running->training().total_steps(), 100);

  const auto nodes = v1::NodeService::NewStub(channel_);
  const auto listed = Call(*nodes, &v1::NodeService::Stub::ListNodes, v1::ListNodesRequest());
  ASSERT_OK(listed);
  EXPECT_EQ(listed->nodes(0).state(), "ready");
  EXPECT_EQ(listed->nodes(0).slots(0).job(), id);

  std::int64_t last = 0;
  for (const v1::StartWorker& worker : {first, second}) {
    agent.Report(worker, WorkerFinished{true, 100});
    last = agent.Exit(worker, "FINISHED");
  }
  agent.WaitForAcknowledgement(last);
  EXPECT_EQ(Get(id)->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Get(id)->training().step(), 100) << "no progress report came";
  EXPECT_THAT(EventKinds(id), ::testing::ElementsAre("CREATED", "PLACED", "RUNNING", "SUCCEEDED"));
}

TEST_F(ServerTest, CancelStopsTheWorkers) {
  const std::string id = Submit();
  ScriptedAgent agent(address(), "a", 1);
  const v1::StartWorker worker = agent.WaitForStart();
  v1::CancelJobRequest request;
  request.set_id(id);
  EXPECT_EQ(Call(*jobs_, &v1::JobService::Stub::CancelJob, request)->state(), v1::JOB_STATE_STOPPING);
  const v1::AgentCommand stop = agent.Wait([](const v1::AgentCommand& c) { return c.has_stop(); });
  EXPECT_FALSE(stop.stop().now());
  agent.WaitForAcknowledgement(agent.Exit(worker, "STOPPED"));
  EXPECT_EQ(Call(*jobs_, &v1::JobService::Stub::CancelJob, request)->state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(ServerTest, ASecondAgentOfOneNameTakesOver) {
  ScriptedAgent first(address(), "a", 1, "i1");
  first.Wait([](const v1::AgentCommand& c) { return c.has_registered(); });
  ScriptedAgent second(address(), "a", 1, "i2");
  second.Wait([](const v1::AgentCommand& c) { return c.has_registered(); });
  const absl::Status end = first.WaitForEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(end), "AGENT_REPLACED");
}

TEST_F(ServerTest, ARegistrationWithoutSlotsIsRefused) {
  ScriptedAgent agent(address(), "a", 0);
  const absl::Status end = agent.WaitForEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(end), "BAD_REGISTRATION");
}

TEST_F(ServerTest, TheFirstMessageIsRegister) {
  const auto stub = v1::AgentService::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Attach(&context);
  v1::AgentMessage message;
  message.mutable_heartbeat();
  stream->Write(message);
  v1::AgentCommand command;
  EXPECT_FALSE(stream->Read(&command));
  EXPECT_EQ(ReasonOf(FromGrpcStatus(stream->Finish())), "BAD_REGISTRATION");
}

TEST_F(ServerTest, AnOrderlyEndIsAnsweredInOrder) {
  ScriptedAgent agent(address(), "a", 1);
  agent.Heartbeat();
  agent.CloseOrderly();
  EXPECT_OK(agent.WaitForEnd());
}

TEST_F(ServerTest, AStoppingCoordinatorAsksAgentsToDialAgain) {
  ScriptedAgent agent(address(), "a", 1);
  agent.Wait([](const v1::AgentCommand& c) { return c.has_registered(); });
  coordinator_.reset();
  EXPECT_EQ(agent.WaitForEnd().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServerTest, AReportOfAnotherAttemptIsAcknowledgedAndDropped) {
  const std::string id = Submit();
  ScriptedAgent agent(address(), "a", 1);
  v1::StartWorker worker = agent.WaitForStart();
  worker.set_attempt(9);
  agent.WaitForAcknowledgement(
      agent.Report(worker, CheckpointCommitted{.name = "00000001-009", .step = 1, .manifest_sha256 = "x"}));
  EXPECT_THAT(EventKinds(id), Contains("FENCED"));
}

TEST_F(ServerTest, DatasetsAreFound) {
  const auto datasets = v1::DatasetService::NewStub(channel_);
  v1::GetDatasetVersionRequest request;
  request.set_name("brains");
  const auto newest = Call(*datasets, &v1::DatasetService::Stub::GetDatasetVersion, request);
  ASSERT_OK(newest);
  EXPECT_EQ(newest->version(), 1);
  EXPECT_EQ(newest->folder(), (home_.path() / "datasets" / "brains" / "1").string());
  request.set_version(8);
  EXPECT_EQ(ReasonOf(Call(*datasets, &v1::DatasetService::Stub::GetDatasetVersion, request).status()),
            "DATASET_NOT_FOUND");
  v1::ListVolumesRequest volumes;
  volumes.set_name("brains");
  EXPECT_EQ(ReasonOf(Call(*datasets, &v1::DatasetService::Stub::ListVolumes, volumes).status()), "CATALOGUE_DAMAGED");
  v1::ListDatasetVersionsRequest list;
  list.set_filter("name=other");
  EXPECT_THAT(Call(*datasets, &v1::DatasetService::Stub::ListDatasetVersions, list)->versions(), SizeIs(0));
}

TEST_F(ServerTest, VolumesReportAndShardsComeFromTheCatalogue) {
  DatasetVersion version;
  version.name = "brains";
  for (int i = 0; i < 20; ++i) {
    CatalogueEntry entry;
    entry.volume = entry.voxel_digest = "v" + std::to_string(i);
    entry.subject = "s" + std::to_string(i);
    entry.shape = entry.source_shape = {4, 4, 4};
    entry.source_spacing = {1, 1, 1};
    entry.stored_bytes = 10;
    version.entries.push_back(entry);
  }
  FinishVersion(version, nullptr);
  IngestReport report;
  report.files = 21;
  report.volumes = 20;
  report.quarantined.push_back({"bad.nii", "torn"});
  const std::filesystem::path folder = home_.path() / "datasets" / "brains" / "1";
  std::filesystem::create_directories(folder);
  ASSERT_OK(WriteVersion(folder, version, report));

  const auto datasets = v1::DatasetService::NewStub(channel_);
  v1::ListVolumesRequest request;
  request.set_name("brains");
  request.set_page_size(7);
  std::set<std::string> seen;
  do {
    const auto page = Call(*datasets, &v1::DatasetService::Stub::ListVolumes, request);
    ASSERT_OK(page);
    for (const v1::Volume& volume : page->volumes()) EXPECT_TRUE(seen.insert(volume.volume()).second);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, SizeIs(20));
  v1::GetDatasetVersionRequest get;
  get.set_name("brains");
  const auto shown = Call(*datasets, &v1::DatasetService::Stub::GetIngestReport, get);
  ASSERT_OK(shown);
  EXPECT_EQ(shown->files(), 21);
  EXPECT_EQ(shown->quarantined(0).reason(), "torn");

  v1::GetShardPlanRequest plan;
  plan.set_id(Submit(2));
  const auto shards = Call(*jobs_, &v1::JobService::Stub::GetShardPlan, plan);
  ASSERT_OK(shards);
  EXPECT_THAT(shards->shards(), SizeIs(2));
  EXPECT_EQ(shards->shards(0).volumes() + shards->shards(1).volumes(), shards->training_volumes());
  v1::CreateJobRequest ingest;
  ingest.set_request_id(NewRequestId());
  ingest.mutable_spec()->set_kind(v1::JOB_KIND_INGEST);
  ingest.mutable_spec()->mutable_ingest()->set_dataset("brains");
  ingest.mutable_spec()->mutable_ingest()->set_from("/data");
  const auto made = Call(*jobs_, &v1::JobService::Stub::CreateJob, ingest);
  ASSERT_OK(made);
  plan.set_id(made->job().id());
  EXPECT_EQ(ReasonOf(Call(*jobs_, &v1::JobService::Stub::GetShardPlan, plan).status()), "NOT_A_TRAINING_JOB");
}

}  // namespace
}  // namespace amaes
