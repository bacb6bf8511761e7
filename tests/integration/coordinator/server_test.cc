// What clients see over gRPC and HTTP.
#include <grpcpp/generic/generic_stub.h>
#include <httplib.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/checkpoint/checkpoint.h"
#include "tests/integration/coordinator/server_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(ServerTest, ErrorsCarryReasonsOverTheWire) {
  const absl::Status missing = Get("job-none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(missing), "JOB_NOT_FOUND");
  EXPECT_EQ(MetadataOf(missing).at("job"), "job-none");
  v1::CreateJobRequest request = Request(1, NewRequestId());
  request.mutable_spec()->mutable_pretrain()->set_patch("3");
  request.mutable_spec()->mutable_pretrain()->mutable_mask()->set_ratio(7);
  const absl::Status invalid = Call(*jobs_, &v1::JobService::Stub::CreateJob, request).status();
  EXPECT_EQ(ReasonOf(invalid), "INVALID_SPEC");
  std::set<std::string> fields;
  for (const SpecProblem& problem : ProblemsOf(invalid)) fields.insert(problem.field);
  EXPECT_THAT(fields, AllOf(Contains("patch"), Contains("mask.ratio")));
}

TEST_F(ServerTest, ListsArePagedAndFiltered) {
  std::set<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.insert(Submit());
  v1::ListJobsRequest request;
  request.set_page_size(2);
  request.set_filter("state=QUEUED");
  std::set<std::string> seen;
  int pages = 0;
  do {
    const auto page = Call(*jobs_, &v1::JobService::Stub::ListJobs, request);
    ASSERT_OK(page);
    for (const v1::Job& job : page->jobs()) EXPECT_TRUE(seen.insert(job.id()).second);
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(pages, 3);
  v1::ListJobsRequest wrong;
  wrong.set_filter("state=SLEEPING");
  EXPECT_EQ(ReasonOf(Call(*jobs_, &v1::JobService::Stub::ListJobs, wrong).status()), "BAD_FILTER");
  wrong.set_filter("");
  wrong.set_page_token("nonsense");
  EXPECT_EQ(ReasonOf(Call(*jobs_, &v1::JobService::Stub::ListJobs, wrong).status()), "BAD_PAGE_TOKEN");
}

TEST_F(ServerTest, ValidateOnlyAnswersWithTheResolvedSpecAndAnEstimate) {
  v1::CreateJobRequest request = Request(2, "");
  request.set_validate_only(true);
  const auto response = Call(*jobs_, &v1::JobService::Stub::CreateJob, request);
  ASSERT_OK(response);
  EXPECT_EQ(response->job().id(), "");
  EXPECT_EQ(response->job().state(), v1::JOB_STATE_UNSPECIFIED);
  EXPECT_GT(response->job().estimate().parameters(), 0);
  EXPECT_EQ(response->job().spec().pretrain().dataset().digest(), "digest-1");
  EXPECT_EQ(response->job().spec().pretrain().optimizer().learning_rate(), 1e-4);
}

TEST_F(ServerTest, WatchSendsEveryStateUntilTheEnd) {
  const std::string id = Submit();
  grpc::ClientContext context;
  v1::GetJobRequest request;
  request.set_id(id);
  const auto reader = jobs_->WatchJob(&context, request);
  v1::Job job;
  ASSERT_TRUE(reader->Read(&job));
  EXPECT_EQ(job.state(), v1::JOB_STATE_QUEUED);
  ScriptedAgent agent(address(), "a", 1);
  const v1::StartWorker worker = agent.WaitForStart();
  while (job.state() != v1::JOB_STATE_STARTING) ASSERT_TRUE(reader->Read(&job));
  agent.Report(worker, TrainProgress{.step = 7, .metrics = {{"loss_masked", 0.5}}});
  while (job.training().step() != 7) ASSERT_TRUE(reader->Read(&job));
  EXPECT_EQ(job.state(), v1::JOB_STATE_RUNNING);
  agent.Report(worker, WorkerFinished{true, 100});
  agent.Exit(worker, "FINISHED");
  while (reader->Read(&job)) {
  }
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(job.has_end_time());
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ServerTest, LongStreamsDoNotStarveCalls) {
  const std::string id = Submit();
  v1::GetJobRequest request;
  request.set_id(id);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::Job>>> readers;
  for (int i = 0; i < 100; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(jobs_->WatchJob(contexts.back().get(), request));
    v1::Job job;
    ASSERT_TRUE(readers.back()->Read(&job));
  }
  EXPECT_OK(Get(id));
  for (auto& context : contexts) context->TryCancel();
}

std::vector<std::string> ReadAll(grpc::ClientReader<v1::LogLine>& reader, std::string* cursor = nullptr) {
  std::vector<std::string> lines;
  v1::LogLine line;
  while (reader.Read(&line)) {
    lines.push_back(line.text());
    if (cursor != nullptr) *cursor = line.cursor();
  }
  return lines;
}

TEST_F(ServerTest, LogsAreFollowedToTheEndAcrossAttempts) {
  const std::string id = Submit();
  ScriptedAgent agent(address(), "a", 1);
  v1::StartWorker worker = agent.WaitForStart();
  EXPECT_THAT(worker.log_file(), HasSubstr("001-000.log"));
  WriteLog(id, "001-000.log", "one\ntwo\n");
  const auto logs = v1::LogService::NewStub(channel_);
  v1::ReadLogsRequest request;
  request.set_job(id);
  grpc::ClientContext once;
  std::string cursor;
  EXPECT_THAT(ReadAll(*logs->ReadLogs(&once, request), &cursor), ElementsAre("one", "two"));

  request.set_follow(true);
  grpc::ClientContext context;
  const auto reader = logs->ReadLogs(&context, request);
  v1::LogLine line;
  ASSERT_TRUE(reader->Read(&line));
  EXPECT_EQ(line.text(), "one");
  request.set_cursor(line.cursor());
  ASSERT_TRUE(reader->Read(&line));
  WriteLog(id, "001-000.log", "three\nfou");
  ASSERT_TRUE(reader->Read(&line));
  EXPECT_EQ(line.text(), "three");
  agent.Report(worker, TrainProgress{.step = 3});
  agent.Exit(worker, "KILLED", "killed by signal 9");
  ASSERT_TRUE(reader->Read(&line));
  EXPECT_EQ(line.text(), "fou");
  worker = agent.WaitForStart();
  EXPECT_EQ(worker.attempt(), 2);
  WriteLog(id, "002-000.log", "again\n");
  ASSERT_TRUE(reader->Read(&line));
  EXPECT_EQ(line.text(), "again");
  EXPECT_EQ(line.attempt(), 2);
  WriteLog(id, "002-000.log", "last");
  agent.Report(worker, WorkerFinished{true, 100});
  agent.Exit(worker, "FINISHED");
  EXPECT_THAT(ReadAll(*reader), ElementsAre("last"));
  EXPECT_TRUE(reader->Finish().ok());
  // From a cursor: no gap and no repeat.
  grpc::ClientContext again;
  EXPECT_THAT(ReadAll(*logs->ReadLogs(&again, request)), ElementsAre("two", "three", "fou", "again", "last"));
  request.set_cursor("nonsense");
  grpc::ClientContext bad;
  const auto refused = logs->ReadLogs(&bad, request);
  EXPECT_FALSE(refused->Read(&line));
  EXPECT_EQ(ReasonOf(FromGrpcStatus(refused->Finish())), "BAD_CURSOR");
}

class CheckpointServerTest : public ServerTest {
 protected:
  // A committed checkpoint with a file of `size` bytes, known to the store.
  void MakeCheckpoint(std::size_t size) {
    id_ = Submit();
    ScriptedAgent agent(address(), "a", 1);
    const v1::StartWorker worker = agent.WaitForStart();
    name_ = CheckpointName(10, 1);
    const std::filesystem::path folder = home_.path() / "jobs" / id_ / "checkpoints" / name_;
    const std::filesystem::path staged = folder.string() + ".tmp";
    ASSERT_OK(files::MakeFolders(staged));
    for (std::size_t i = 0; i < size; ++i) content_.push_back(static_cast<char>(i * 7 + i / 251));
    ASSERT_OK(files::WriteAtomic(staged / "model.safetensors", content_));
    ASSERT_OK_AND_ASSIGN(const CheckpointFile file, DescribeFile(staged / "model.safetensors"));
    CheckpointManifest manifest;
    manifest.job = id_;
    manifest.attempt = 1;
    manifest.step = 10;
    manifest.files = {file};
    ASSERT_OK(CommitCheckpoint(folder, manifest));
    ASSERT_OK_AND_ASSIGN(const std::string sha256, Sha256OfFile(folder / "manifest.json"));
    agent.WaitForAcknowledgement(agent.Report(worker, CheckpointCommitted{.name = name_,
                                                                          .step = 10,
                                                                          .manifest_sha256 = sha256,
                                                                          .size_bytes = static_cast<std::int64_t>(size),
                                                                          .metrics = {{"loss_masked", 0.5}}}));
    checkpoints_ = v1::CheckpointService::NewStub(channel_);
  }

  absl::StatusOr<std::string> Read(const std::string& file, std::int64_t offset, std::int64_t limit,
                                   const std::string& if_sha256 = "", const std::string& checkpoint = "") {
    v1::ReadCheckpointFileRequest request;
    request.set_job(id_);
    request.set_checkpoint(checkpoint.empty() ? name_ : checkpoint);
    request.set_file(file);
    request.set_offset(offset);
    request.set_limit(limit);
    request.set_if_sha256(if_sha256);
    grpc::ClientContext context;
    const auto reader = checkpoints_->ReadCheckpointFile(&context, request);
    std::string out;
    v1::FileChunk chunk;
    while (reader->Read(&chunk)) {
      EXPECT_EQ(chunk.offset(), offset + static_cast<std::int64_t>(out.size()));
      EXPECT_LE(chunk.data().size(), 1u << 20);
      EXPECT_EQ(chunk.crc32c(), Crc32c(chunk.data().data(), chunk.data().size()));
      out += chunk.data();
    }
    const absl::Status status = FromGrpcStatus(reader->Finish());
    if (!status.ok()) return status;
    return out;
  }

  std::string id_, name_, content_;
  std::unique_ptr<v1::CheckpointService::Stub> checkpoints_;
};

TEST_F(CheckpointServerTest, FilesAreReadInRanges) {
  MakeCheckpoint((5 << 19) + 123);
  const std::int64_t size = static_cast<std::int64_t>(content_.size());
  EXPECT_TRUE(*Read("model.safetensors", 0, 0) == content_);
  EXPECT_TRUE(*Read("model.safetensors", 1'000'000, 0) == content_.substr(1'000'000));
  EXPECT_TRUE(*Read("model.safetensors", 1'000'000, 77) == content_.substr(1'000'000, 77));
  EXPECT_EQ(*Read("model.safetensors", size, 0), "");
  EXPECT_THAT(*Read("manifest.json", 0, 0), HasSubstr("model.safetensors"));
  EXPECT_EQ(ReasonOf(Read("model.safetensors", size + 1, 0).status()), "BAD_OFFSET");
  EXPECT_EQ(ReasonOf(Read("model.safetensors", -1, 0).status()), "BAD_OFFSET");
  EXPECT_TRUE(*Read("model.safetensors", 0, 0, Sha256Hex(content_)) == content_);
  EXPECT_EQ(ReasonOf(Read("model.safetensors", 0, 0, std::string(64, '0')).status()), "DIGEST_CHANGED");
}

TEST_F(CheckpointServerTest, NothingBesideTheCheckpointCanBeRead) {
  MakeCheckpoint(10);
  for (const char* file : {"../../spec.yaml", "/etc/passwd", "..", "", "other", "./model.safetensors"}) {
    EXPECT_EQ(ReasonOf(Read(file, 0, 0).status()), "FILE_NOT_FOUND") << file;
  }
  for (const char* checkpoint : {"../logs", "..", "/", "00000010-001/.."}) {
    EXPECT_EQ(ReasonOf(Read("model.safetensors", 0, 0, "", checkpoint).status()), "CHECKPOINT_NOT_FOUND") << checkpoint;
  }
}

TEST_F(CheckpointServerTest, TheRegistryKnowsFilesAndTellsDamage) {
  MakeCheckpoint(10);
  v1::GetCheckpointRequest request;
  request.set_job(id_);
  const auto newest = Call(*checkpoints_, &v1::CheckpointService::Stub::GetCheckpoint, request);
  ASSERT_OK(newest);
  EXPECT_EQ(newest->name(), name_);
  EXPECT_EQ(newest->dataset_version(), "brains@1");
  EXPECT_THAT(newest->files(), SizeIs(3));
  EXPECT_EQ(newest->files(0).sha256(), Sha256Hex(content_));
  v1::ListCheckpointsRequest list;
  list.set_filter("job=" + id_ + ",state=COMMITTED");
  EXPECT_THAT(Call(*checkpoints_, &v1::CheckpointService::Stub::ListCheckpoints, list)->checkpoints(), SizeIs(1));
  std::filesystem::remove(std::filesystem::path(newest->folder()) / "COMMITTED");
  EXPECT_EQ(ReasonOf(Read("model.safetensors", 0, 0).status()), "CHECKPOINT_DAMAGED");
  request.set_name("00000099-001");
  EXPECT_EQ(ReasonOf(Call(*checkpoints_, &v1::CheckpointService::Stub::GetCheckpoint, request).status()),
            "CHECKPOINT_NOT_FOUND");
}

// Prometheus text, as far as this needs it: comments, and NAME{LABELS} VALUE.
std::map<std::string, double> ParseMetrics(const std::string& text) {
  static const std::regex sample_line(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*",?)*\})?) (\S+))re");
  std::map<std::string, double> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::smatch match;
    EXPECT_TRUE(std::regex_match(line, match, sample_line)) << line;
    const bool fresh = match.size() == 3 && samples.emplace(match[1], std::stod(match[2])).second;
    EXPECT_TRUE(fresh) << line;
  }
  return samples;
}

TEST_F(ServerTest, PagesAndMetricsOverHttp) {
  const std::string id = Submit();
  ScriptedAgent agent(address(), "a", 1);
  const v1::StartWorker worker = agent.WaitForStart();
  agent.WaitForAcknowledgement(agent.Report(worker, TrainProgress{.step = 7}));
  httplib::Client http("http://" + coordinator_->addresses().http);
  const auto metrics = http.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
  const std::map<std::string, double> samples = ParseMetrics(metrics->body);
  EXPECT_EQ(samples.at("amaes_jobs_submitted_total"), 1);
  EXPECT_EQ(samples.at("amaes_job_step{job=\"" + id + "\"}"), 7);
  EXPECT_EQ(samples.at("amaes_slots{state=\"used\"}"), 1);
  EXPECT_GE(samples.at("amaes_store_commit_seconds_count"), 2);
  EXPECT_GE(samples.at("amaes_scheduler_pass_seconds_count"), 1);
#if !defined(__SANITIZE_ADDRESS__)  // which takes many times the memory
  EXPECT_LT(samples.at("process_resident_memory_bytes"), 100e6);
#endif
  EXPECT_EQ(http.Get("/healthz")->status, 200);
  EXPECT_THAT(http.Get("/")->body, HasSubstr(id));
  EXPECT_THAT(http.Get("/jobs/" + id)->body, HasSubstr("PLACED"));
  EXPECT_EQ(http.Get("/jobs/%3Cscript%3E")->status, 404);
  EXPECT_EQ(http.Get("/jobs/%3Cscript%3E")->body.find("<script>"), std::string::npos);
}

// One message there and one back, as bytes.
std::string CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                    const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok));
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<grpc::Slice> slices;
  std::string out;
  if (status.ok() && response.Dump(&slices).ok()) {
    for (const grpc::Slice& part : slices) out.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return out;
}

TEST_F(ServerTest, HealthAndReflectionAnswer) {
  // HealthCheckRequest{}; HealthCheckResponse{status: SERVING}.
  EXPECT_EQ(CallRaw(channel_, "/grpc.health.v1.Health/Check", ""), std::string("\x08\x01", 2));
  // ServerReflectionRequest{list_services: ""}.
  const std::string services =
      CallRaw(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3a\x00", 2));
  for (const char* name :
       {"JobService", "DatasetService", "CheckpointService", "NodeService", "LogService", "AgentService"}) {
    EXPECT_THAT(services, HasSubstr(std::string("amaes.v1.") + name));
  }
}

TEST_F(ServerTest, AddressesAreWrittenDown) {
  ASSERT_OK_AND_ASSIGN(const CoordinatorAddresses written, ReadCoordinatorAddresses(home_.path()));
  EXPECT_EQ(written.grpc, address());
  EXPECT_EQ(written.http, coordinator_->addresses().http);
  EXPECT_EQ(*files::Read(home_.path() / "run" / "coordinator.pid"), std::to_string(getpid()) + "\n");
  coordinator_.reset();
  EXPECT_THAT(ReadCoordinatorAddresses(home_.path()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ServerTest, TwoCoordinatorsDoNotShareAStoreOrAPort) {
  CoordinatorOptions options;
  options.home = home_.path();
  options.listen = options.http = "127.0.0.1:0";
  EXPECT_THAT(Coordinator::Start(options), StatusIs(absl::StatusCode::kFailedPrecondition));
  TempDir other;
  options.home = other.path();
  options.listen = address();
  EXPECT_THAT(Coordinator::Start(options), StatusIs(absl::StatusCode::kUnavailable));
  options.listen = "127.0.0.1:0";
  options.http = coordinator_->addresses().http;
  EXPECT_THAT(Coordinator::Start(options), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(CoordinatorOptionsTest, AnAddressBeyondLoopbackNeedsInsecure) {
  TempDir home;
  CoordinatorOptions options;
  options.home = home.path();
  options.http = "";
  options.listen = "0.0.0.0:0";
  EXPECT_EQ(ReasonOf(Coordinator::Start(options).status()), "INSECURE_ADDRESS");
  options.insecure = true;
  EXPECT_OK(Coordinator::Start(options));
  options.insecure = false;
  options.listen = "127.0.0.1:0";
  options.http = "0.0.0.0:0";
  EXPECT_EQ(ReasonOf(Coordinator::Start(options).status()), "INSECURE_ADDRESS");
}

TEST_F(ServerTest, PicturesAreListedInPagesAndStreamed) {
  const std::string id = Submit();
  const std::filesystem::path folder = home_.path() / "jobs" / id / "pictures";
  std::filesystem::create_directories(folder);
  const std::string png(std::size_t{5} << 19, 'p');  // more than two chunks
  for (const char* name : {"00000000-held_out.png", "00000050-held_out.png", "00000050-train.png", "run.png"}) {
    ASSERT_OK(files::WriteAtomic(folder / name, png));
  }
  v1::ListJobPicturesRequest request;
  request.set_id(id);
  request.set_page_size(3);
  auto page = Call(*jobs_, &v1::JobService::Stub::ListJobPictures, request);
  ASSERT_OK(page);
  ASSERT_THAT(page->pictures(), SizeIs(3));
  EXPECT_EQ(page->pictures(1).step(), 50);
  EXPECT_EQ(page->pictures(1).split(), "held_out");
  EXPECT_EQ(page->pictures(1).size(), static_cast<std::int64_t>(png.size()));
  std::filesystem::remove(folder / "00000000-held_out.png");  // thinned out between two pages
  request.set_page_token(page->next_page_token());
  page = Call(*jobs_, &v1::JobService::Stub::ListJobPictures, request);
  ASSERT_OK(page);
  ASSERT_THAT(page->pictures(), SizeIs(1));
  EXPECT_EQ(page->pictures(0).name(), "run.png");
  EXPECT_EQ(page->pictures(0).step(), -1);
  EXPECT_EQ(page->next_page_token(), "");

  const auto read = [&](const std::string& name) -> absl::StatusOr<std::string> {
    v1::ReadJobPictureRequest wanted;
    wanted.set_id(id);
    wanted.set_name(name);
    grpc::ClientContext context;
    const auto stream = jobs_->ReadJobPicture(&context, wanted);
    std::string bytes;
    v1::FileChunk chunk;
    while (stream->Read(&chunk)) {
      EXPECT_EQ(chunk.crc32c(), Crc32c(chunk.data().data(), chunk.data().size()));
      EXPECT_EQ(chunk.offset(), static_cast<std::int64_t>(bytes.size()));
      bytes += chunk.data();
    }
    const absl::Status end = FromGrpcStatus(stream->Finish());
    if (!end.ok()) return end;
    return bytes;
  };
  EXPECT_EQ(read("run.png").value_or(""), png);
  EXPECT_EQ(ReasonOf(read("../spec.json").status()), "PICTURE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(read("00000000-held_out.png").status()), "PICTURE_NOT_FOUND");
}

}  // namespace
}  // namespace amaes
