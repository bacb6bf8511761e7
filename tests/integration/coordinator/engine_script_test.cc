// Networks of the user's own: tried before a job is stored, finetuned and evaluated.
#include "libs/base/files.h"
#include "libs/checkpoint/safetensors.h"
#include "tests/integration/coordinator/dataset_fixture.h"
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Of `request`, with a network of the user's own.
CreateRequest WithScript(CreateRequest request, const std::string& prefix = "") {
  TrainingSpec::Network& network = request.parsed.spec.training().network;
  network = {"script"};
  network.script = "/nets/mine.pt";
  network.encoder_prefix = prefix;
  return request;
}

TEST_F(EngineTest, AScriptIsTriedBeforeItsJobIsStored) {
  Shape3 tried{};
  check_script_ = [&](const NetworkOptions& network, const Shape3& patch) -> absl::StatusOr<CheckedScript> {
    EXPECT_EQ(network.script, "/nets/mine.pt");
    tried = patch;
    return CheckedScript{std::string(64, 'e'), 1234};
  };
  Restart();
  const CreateRequest request = WithScript(Pretrain(1, "r1"));
  const absl::StatusOr<CreateResult> result = engine_->CreateJob(request);
  ASSERT_OK(result);
  EXPECT_EQ(tried, request.parsed.spec.pretrain.patch);
  EXPECT_EQ(result->job.spec.pretrain.network.script_digest, std::string(64, 'e'));
  EXPECT_EQ(result->estimate.parameters, 1234);
}

TEST_F(EngineTest, AScriptThatDoesNotFitIsAProblemOfTheSpec) {
  check_script_ = [](const NetworkOptions&, const Shape3&) -> absl::StatusOr<CheckedScript> {
    return absl::InvalidArgumentError("no gradient reaches its parameters");
  };
  Restart();
  const absl::Status wrong = engine_->CreateJob(WithScript(Pretrain(1, "r1"))).status();
  EXPECT_EQ(ReasonOf(wrong), "INVALID_SPEC");
  EXPECT_THAT(wrong.message(), HasSubstr("network.script: no gradient reaches its parameters"));
  check_script_ = nullptr;
  Restart();
  EXPECT_EQ(ReasonOf(engine_->CreateJob(WithScript(Pretrain(1, "r1"))).status()), "SCRIPT_UNCHECKED");
  EXPECT_EQ(store_->ListJobs({}, 10, "")->records.size(), 0u);
}

TEST(SmallPatch, KeepsWhatDivides) {
  EXPECT_EQ(SmallPatch({128, 96, 24}), (Shape3{64, 96, 24}));
  EXPECT_EQ(SmallPatch({160, 224, 136}), (Shape3{96, 96, 72}));
}

TEST(CheckScriptsWith, SaysWhyNobodyAnswered) {
  const NetworkOptions network{.name = "script", .script = "/nets/mine.pt"};
  EXPECT_THAT(CheckScriptsWith("/nowhere/amaes-worker", absl::Seconds(60))(network, {32, 32, 32}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("beside the coordinator")));
  EXPECT_THAT(CheckScriptsWith("/bin/false", absl::Seconds(60))(network, {32, 32, 32}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("exit code 1")));
  // It prints its arguments, which are no answer.
  EXPECT_THAT(CheckScriptsWith("/bin/echo", absl::Seconds(60))(network, {32, 32, 32}),
              StatusIs(absl::StatusCode::kUnavailable));
}

// Five labelled cases, and a script with an encoder of two tensors.
class FinetuneEngineTest : public EngineTest {
 protected:
  FinetuneEngineTest() {
    check_script_ = [this](const NetworkOptions& network, const Shape3& patch) -> absl::StatusOr<CheckedScript> {
      tried_ = patch;
      const std::int64_t width = network.script == "/nets/wide.pt" ? 8 : 4;
      return CheckedScript{
          digest_,
          1234,
          {{"backbone.conv.weight", {width, network.in_channels, 3, 3, 3}}, {"backbone.conv.bias", {width}}}};
    };
    Restart();
    DatasetVersion version;
    version.name = "lesions";
    for (int i = 0; i < 5; ++i) {
      CatalogueEntry entry = StoreScan(home_.path(), {absl::StrCat("s", i), "FLAIR", i});
      entry.companions = {{"label", Sha256Hex(absl::StrCat("label", i)), 1, {1}, {{0, 50}, {1, 5}}, "/data/label.nii"}};
      version.entries.push_back(entry);
    }
    FinishVersion(version, nullptr);
    const std::filesystem::path folder = home_.path() / "datasets" / "lesions" / "1";
    EXPECT_OK(files::MakeFolders(folder));
    IngestReport report;
    report.volumes = 5;
    EXPECT_OK(WriteVersion(folder, version, report));
    DatasetRecord record = DescribeVersion(version, report);
    record.name = "lesions";
    record.version = 1;
    record.created = clock_.Now();
    EXPECT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(record); }));
  }

  static CreateRequest Finetune(const std::string& from, const std::string& request_id = "fine") {
    CreateRequest request;
    request.request_id = request_id;
    JobSpec& spec = request.parsed.spec;
    spec.kind = JobKind::kFinetune;
    spec.finetune.dataset.name = "lesions";
    spec.finetune.device = "cpu";
    spec.finetune.init.from = from;
    return request;
  }

  // A .safetensors file of zeros.
  std::string Weights(const std::vector<TensorShape>& tensors) {
    const std::string zeros(std::size_t{1} << 22, '\0');
    std::vector<TensorView> views;
    for (const TensorShape& tensor : tensors) {
      std::size_t bytes = 4;
      for (const std::int64_t side : tensor.shape) bytes *= static_cast<std::size_t>(side);
      views.push_back({tensor.name, TensorType::kF32, tensor.shape, absl::string_view(zeros).substr(0, bytes)});
    }
    const std::filesystem::path path = home_.path() / "weights.safetensors";
    EXPECT_OK(WriteSafetensors(path, views));
    return path.string();
  }

  std::string Refusal(const CreateRequest& request) {
    const absl::Status status = engine_->CreateJob(request).status();
    EXPECT_EQ(ReasonOf(status), "INVALID_SPEC");
    return std::string(status.message());
  }

  // Finetunes after `pretraining`, which is not over.
  CreateRequest After(const JobId& pretraining, CreateRequest request) {
    request.parsed.spec.after = pretraining.value;
    request.parsed.spec.finetune.init.from = "job:" + pretraining.value;
    return request;
  }

  std::string digest_ = std::string(64, 'e');
  Shape3 tried_{};
};

TEST_F(FinetuneEngineTest, AScriptTakesTheTensorsThatItsPrefixNames) {
  CreateRequest request = WithScript(Finetune(Weights({{"model.backbone.conv.weight", {4, 1, 3, 3, 3}},
                                                       {"model.backbone.conv.bias", {4}},
                                                       {"model.head.bias", {1}}})),
                                     "backbone");
  const absl::StatusOr<CreateResult> result = engine_->CreateJob(request);
  ASSERT_OK(result);
  EXPECT_EQ(result->job.spec.finetune.network.script_digest, digest_);
  EXPECT_EQ(result->job.spec.finetune.init.path, request.parsed.spec.finetune.init.from);
  EXPECT_THAT(Refusal(WithScript(Finetune(request.parsed.spec.finetune.init.from, "r2"))),
              HasSubstr("holds no encoder: none of its 3 tensors is called encoder."));
}

TEST_F(FinetuneEngineTest, WeightsThatDoNotFitAScriptAreRefused) {
  CreateRequest request = WithScript(Finetune(Weights({{"backbone.conv.weight", {8, 1, 3, 3, 3}}})), "backbone");
  EXPECT_THAT(Refusal(request),
              AllOf(HasSubstr("backbone.conv.weight: [8,1,3,3,3] in the file, [4,1,3,3,3] in the network"),
                    HasSubstr("1 tensor of the encoder missing in the file (backbone.conv.bias)"),
                    HasSubstr("or set init.allow_mismatch: true")));
  request.parsed.spec.finetune.init.allow_mismatch = true;
  EXPECT_OK(engine_->CreateJob(request));
}

// Two files: of one channel in and one out, and of as many as the labelled cases need.
TEST_F(FinetuneEngineTest, AScriptFollowsTheScriptThatWasPretrained) {
  const absl::StatusOr<CreateResult> before = engine_->CreateJob(WithScript(Pretrain(1, "r1"), "backbone"));
  ASSERT_OK(before);
  const JobId id = before->job.record.id;
  digest_ = std::string(64, 'f');
  EXPECT_OK(engine_->CreateJob(After(id, WithScript(Finetune(""), "backbone."))));
  EXPECT_THAT(Refusal(After(id, WithScript(Finetune("", "r2")))),
              HasSubstr("is of network script, whose encoder is called backbone.; this job's is script, whose encoder "
                        "is called encoder.; or set"));
  EXPECT_THAT(Refusal(After(id, Finetune("", "r3"))),
              HasSubstr("whose encoder is called backbone.; this job's is unet_b with 32 filters"));
}

// Said before the pretraining has taken its days.
TEST_F(FinetuneEngineTest, TheScriptThatIsPretrainedIsComparedBeforeItHasACheckpoint) {
  const absl::StatusOr<CreateResult> before = engine_->CreateJob(WithScript(Pretrain(1, "r1"), "backbone"));
  ASSERT_OK(before);
  CreateRequest request = After(before->job.record.id, WithScript(Finetune(""), "backbone"));
  request.parsed.spec.finetune.network.script = "/nets/wide.pt";
  EXPECT_THAT(Refusal(request), AllOf(HasSubstr("backbone.conv.weight: [4,1,3,3,3] in the file, [8,1,3,3,3] in the"),
                                      HasSubstr("or set init.allow_mismatch: true")));
  request.parsed.spec.finetune.init.allow_mismatch = true;
  EXPECT_OK(engine_->CreateJob(request));
}

TEST_F(FinetuneEngineTest, AnEvaluationNeedsTheScriptThatWasTrained) {
  CreateRequest finetune = WithScript(Finetune(""));
  finetune.parsed.spec.finetune.init = {};
  const absl::StatusOr<CreateResult> trained = engine_->CreateJob(finetune);
  ASSERT_OK(trained);
  CreateRequest request;
  request.request_id = "r2";
  JobSpec& spec = request.parsed.spec;
  spec.kind = JobKind::kEvaluate;
  spec.after = trained->job.record.id.value;
  spec.evaluate.checkpoint.from = "job:" + spec.after;
  spec.evaluate.dataset.name = "lesions";
  spec.evaluate.dataset.split = "all";
  spec.evaluate.window.patch = {50, 40, 30};
  EXPECT_OK(engine_->CreateJob(request));
  EXPECT_EQ(tried_, (Shape3{50, 40, 30}));
  digest_ = std::string(64, 'f');
  request.request_id = "r3";
  EXPECT_THAT(Refusal(request), HasSubstr("checkpoint.from: network.script /nets/mine.pt is not the file that the "
                                          "network was trained with"));
}

// unet with 32 filters and unet_b are one network.
TEST_F(FinetuneEngineTest, AnEncoderIsTheSameUnderEitherOfItsNames) {
  CreateRequest narrow = Pretrain(1, "r1");
  narrow.parsed.spec.pretrain.network = {"unet", 32};
  const absl::StatusOr<CreateResult> before = engine_->CreateJob(narrow);
  ASSERT_OK(before);
  CreateRequest request = After(before->job.record.id, Finetune(""));
  request.parsed.spec.finetune.network = {"unet_b"};
  EXPECT_OK(engine_->CreateJob(request));
  request.request_id = "r2";
  request.parsed.spec.finetune.network = {"mednext_m"};
  EXPECT_THAT(Refusal(request),
              HasSubstr("is of network unet with 32 filters; this job's is mednext_m with 32 filters"));
}

// It says of no network what it is; its tensors do.
TEST_F(FinetuneEngineTest, AFileOfAnotherNetworkIsRefused) {
  const std::string unet = Weights({{"encoder.in_conv.conv1.conv.weight", {32, 1, 3, 3, 3}},
                                    {"encoder.encoder_conv4.conv2.conv.weight", {512, 1, 1, 1, 1}}});
  EXPECT_OK(engine_->CreateJob(Finetune(unet)));
  for (const char* other : {"mednext_m", "resenc_l"}) {
    CreateRequest request = Finetune(unet, other);
    request.parsed.spec.finetune.network = {other};
    EXPECT_THAT(Refusal(request), HasSubstr("holds the encoder of another network: this one's has a tensor encoder."));
  }
}

}  // namespace
}  // namespace amaes
