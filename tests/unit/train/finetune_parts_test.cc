// The parts of training that only finetuning has.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/models/unet.h"
#include "libs/train/adamw.h"
#include "libs/train/failure.h"
#include "libs/train/initial_weights.h"
#include "libs/train/lr_schedule.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// torch.optim.lr_scheduler.CosineAnnealingLR(T_max=575, eta_min=1e-9) in float64.
TEST(LrSchedule, EpochsFollowPyTorch) {
  const LrSchedule schedule{
      .learning_rate = 1e-4, .steps = 50000, .epoch_steps = 100, .period_ratio = 1.15, .floor = 1e-9};
  const std::map<std::int64_t, double> expected = {{0, 0.0001},
                                                   {1, 9.9999253725432634e-05},
                                                   {2, 9.9997014924007747e-05},
                                                   {100, 9.272104301762208e-05},
                                                   {250, 6.0173198924625092e-05},
                                                   {287, 5.0137089449137819e-05},
                                                   {288, 4.986391055086212e-05},
                                                   {400, 2.1166772234417695e-05},
                                                   {499, 4.2499123865334313e-06}};
  for (const auto& [epoch, rate] : expected) {
    EXPECT_NEAR(LearningRateAt(schedule, 100 * epoch), rate, 1e-12 * rate) << epoch;
    EXPECT_EQ(LearningRateAt(schedule, 100 * epoch + 99), LearningRateAt(schedule, 100 * epoch)) << epoch;
  }
}

struct Parameters {
  std::vector<NamedTensor> all;
  std::vector<BucketPlan> plan = PlanBuckets({5, 40, 3}, {.first_bytes = 64, .bytes = 1 << 20, .bytes_per_element = 4});
  Parameters() {
    for (const auto& [name, size] : {std::pair{"encoder.a", 5}, {"head.b", 40}, {"encoder.c", 3}}) {
      all.push_back({name, (at::arange(size, at::kFloat) * 0.1 + 0.2).requires_grad_(true)});
    }
  }
  std::vector<at::Tensor> Gradients(int update) const {
    std::vector<at::Tensor> flat;
    for (const BucketPlan& bucket : plan)
      flat.push_back((at::arange(bucket.elements, at::kFloat) - 7.5) * (0.1 * update));
    return flat;
  }
};

TEST(AdamW, LateParametersStandStillAndThenCountTheirOwnUpdates) {
  const at::Tensor one = at::full({}, 1.0f), zero = at::full({}, 0.0f);
  Parameters late, prompt, behind;
  AdamW with(late.all, late.plan, {.late_prefix = "encoder.", .late_updates = 2});
  AdamW without(prompt.all, prompt.plan, {}), later(behind.all, behind.plan, {});
  const at::Tensor before = late.all[0].tensor.detach().clone();
  for (int update = 1; update <= 5; ++update) {
    with.Step(late.Gradients(update), 0.01, update, one, zero);
    without.Step(prompt.Gradients(update), 0.01, update, one, zero);
    if (update > 2) later.Step(behind.Gradients(update), 0.01, update - 2, one, zero);
    if (update == 2) {
      EXPECT_TRUE(at::equal(late.all[0].tensor, before)) << "no decay either";
      EXPECT_EQ(with.first_moments()[2].tensor.abs().max().item<float>(), 0);
    }
  }
  EXPECT_TRUE(at::equal(late.all[1].tensor, prompt.all[1].tensor));
  for (const std::size_t i : {0, 2}) EXPECT_TRUE(at::equal(late.all[i].tensor, behind.all[i].tensor)) << i;
}

class InitialWeightsTest : public ::testing::Test {
 protected:
  // But for the tensors that `without` says; `longer` with twice its filters.
  using Choice = std::function<bool(const std::string&)>;
  std::filesystem::path Save(const Network& network, const std::string& wrapper = "", const Choice& without = {},
                             const std::string& longer = "") {
    std::vector<TensorView> views;
    std::vector<at::Tensor> kept;
    std::vector<std::string> names;
    names.reserve(network.parameters().size());
    for (const auto& [name, tensor] : network.parameters()) {
      if (without && without(name)) continue;
      kept.push_back(name == longer ? at::cat({tensor.detach(), tensor.detach()}) : tensor.detach().contiguous());
      names.push_back(wrapper + name);
      views.push_back(
          {names.back(), TensorType::kF32, kept.back().sizes().vec(),
           absl::string_view(static_cast<const char*>(kept.back().const_data_ptr()), kept.back().nbytes())});
    }
    EXPECT_OK(WriteSafetensors(folder_.path() / "w.safetensors", views));
    return folder_.path() / "w.safetensors";
  }
  static std::unique_ptr<Network> Segmenter(std::int64_t filters = 4, std::int64_t channels = 1) {
    return MakeUNet({.name = "unet",
                     .filters = filters,
                     .seed = 9,
                     .in_channels = channels,
                     .out_channels = 3,
                     .decoder = Decoder::kStandard,
                     .skips = true,
                     .head = Head::kSegmentation});
  }
  static at::Tensor Find(const Network& network, const std::string& name) {
    for (const NamedTensor& one : network.parameters()) {
      if (one.name == name) return one.tensor.detach();
    }
    ADD_FAILURE() << name;
    return {};
  }

  const TempDir folder_;
};

TEST_F(InitialWeightsTest, AWholeEncoderTransfersAndNothingElse) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1});
  for (const char* wrapper : {"", "model._orig_mod."}) {
    const std::unique_ptr<Network> network = Segmenter(), untouched = Segmenter();
    ASSERT_OK_AND_ASSIGN(const InitPlan plan,
                         LoadInitialWeights({.from = "x", .path = Save(*pretrained, wrapper)}, *network));
    EXPECT_THAT(plan.loads, SizeIs(40));
    for (const auto& [name, tensor] : network->parameters()) {
      const bool encoder = name.rfind("encoder.", 0) == 0;
      EXPECT_TRUE(at::equal(tensor, Find(encoder ? *pretrained : *untouched, name))) << name;
    }
  }
}

TEST_F(InitialWeightsTest, TheStemAnswersAsBeforeToEqualChannels) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1}),
                                 network = Segmenter(4, 3);
  ASSERT_OK(LoadInitialWeights({.from = "x", .path = Save(*pretrained)}, *network));
  const at::Tensor stem = Find(*network, "encoder.in_conv.conv1.conv.weight");
  const at::Tensor before = Find(*pretrained, "encoder.in_conv.conv1.conv.weight");
  EXPECT_EQ(stem.size(1), 3);
  EXPECT_LT((stem.sum(1, /*keepdim=*/true) - before).abs().max().item<float>(), 1e-7);
  EXPECT_TRUE(at::equal(stem.narrow(1, 0, 1), stem.narrow(1, 2, 1)));
}

TEST_F(InitialWeightsTest, AMisfitChangesNothingUnlessItIsAllowed) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1});
  const std::unique_ptr<Network> network = Segmenter(8), untouched = Segmenter(8);
  InitialWeights weights{.from = "job:first", .path = Save(*pretrained)};
  EXPECT_THAT(LoadInitialWeights(weights, *network),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("job:first: no tensor of it fits")));
  for (const auto& [name, tensor] : network->parameters()) EXPECT_TRUE(at::equal(tensor, Find(*untouched, name)));
  const std::unique_ptr<Network> same = Segmenter(4);
  weights.sha256 = std::string(64, '0');
  EXPECT_THAT(LoadInitialWeights(weights, *same),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not the one that was there at submit")));
  weights.path = folder_.path() / "none.safetensors";
  EXPECT_THAT(LoadInitialWeights(weights, *same), StatusIs(absl::StatusCode::kNotFound));
}

// One tensor of 40: the file lacks it, or has it in another shape.
TEST_F(InitialWeightsTest, AnEncoderThatFitsInPartIsTakenOnlyWhereThatIsAllowed) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1});
  const std::string inner = "encoder.encoder_conv2.conv1.conv.weight";
  for (const bool lacking : {true, false}) {
    InitialWeights weights{.from = "job:first",
                           .path = lacking
                                       ? Save(*pretrained, "", [&](const std::string& name) { return name == inner; })
                                       : Save(*pretrained, "", {}, inner)};
    const std::string what = lacking ? "1 tensor of the encoder missing in the file (" + inner + ")"
                                     : "1 tensor of the encoder of another shape (" + inner + ": [32,";
    const std::unique_ptr<Network> network = Segmenter(), untouched = Segmenter();
    EXPECT_THAT(LoadInitialWeights(weights, *network),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("does not fit"), HasSubstr(what), HasSubstr("init.allow_mismatch: true"))));
    for (const auto& [name, tensor] : network->parameters()) EXPECT_TRUE(at::equal(tensor, Find(*untouched, name)));
    weights.allow_mismatch = true;
    ASSERT_OK_AND_ASSIGN(const InitPlan plan, LoadInitialWeights(weights, *network));
    EXPECT_THAT(plan.loads, SizeIs(39));
    EXPECT_THAT(lacking ? plan.missing : plan.mismatched, ElementsAre(HasSubstr(inner)));
    EXPECT_THAT(InitReportLines(InitReportJson(plan, weights.from, "")),
                Contains(HasSubstr(lacking ? "missing 1: " + inner : "mismatched 1: " + inner)));
    for (const auto& [name, tensor] : network->parameters()) {
      const bool taken = absl::StartsWith(name, "encoder.") && name != inner;
      EXPECT_TRUE(at::equal(tensor, Find(taken ? *pretrained : *untouched, name))) << name;
    }
  }
}

TEST_F(InitialWeightsTest, ADecoderThatIsAskedForAndFitsNowhereIsRefused) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1});
  const std::unique_ptr<Network> same = MakeUNet({.name = "unet", .filters = 4, .seed = 2}), network = Segmenter(),
                                 untouched = Segmenter();
  InitialWeights weights{.from = "job:first", .path = Save(*pretrained), .load_decoder = true};
  ASSERT_OK(LoadInitialWeights(weights, *same));
  for (const auto& [name, tensor] : same->parameters()) EXPECT_TRUE(at::equal(tensor, Find(*pretrained, name))) << name;
  // An encoder alone.
  weights.path = Save(*pretrained, "", [](const std::string& name) { return !absl::StartsWith(name, "encoder."); });
  EXPECT_THAT(LoadInitialWeights(weights, *network),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("job:first: init.load_decoder"), HasSubstr("no layer"))));
  for (const auto& [name, tensor] : network->parameters()) EXPECT_TRUE(at::equal(tensor, Find(*untouched, name)));
  weights.allow_mismatch = true;
  ASSERT_OK_AND_ASSIGN(const InitPlan plan, LoadInitialWeights(weights, *network));
  EXPECT_THAT(plan.loads, SizeIs(40));
}

// In memory, as a probe does.
TEST_F(InitialWeightsTest, AnEncoderIsTakenFromAnotherNetwork) {
  const std::unique_ptr<Network> pretrained = MakeUNet({.name = "unet", .filters = 4, .seed = 1});
  for (const std::int64_t channels : {1, 2}) {
    const std::unique_ptr<Network> network = Segmenter(4, channels), untouched = Segmenter(4, channels);
    ASSERT_OK(TakeEncoder(*pretrained, *network));
    int taken = 0;
    for (const auto& [name, tensor] : network->parameters()) {
      if (!absl::StartsWith(name, "encoder.")) {
        EXPECT_TRUE(at::equal(tensor, Find(*untouched, name))) << name;
        continue;
      }
      ++taken;
      const at::Tensor source = Find(*pretrained, name);
      const bool stem = tensor.sizes() != source.sizes();
      EXPECT_EQ(stem, channels == 2 && name == "encoder.in_conv.conv1.conv.weight") << name;
      EXPECT_TRUE(at::equal(tensor, stem ? (source / 2).expand(tensor.sizes()) : source)) << name;
      EXPECT_NE(tensor.const_data_ptr(), source.const_data_ptr());
    }
    EXPECT_EQ(taken, 40);
  }
  const std::unique_ptr<Network> wider = Segmenter(8), before = Segmenter(8);
  const absl::Status status = TakeEncoder(*pretrained, *wider);
  EXPECT_EQ(FailureOf(status).reason, "INIT_REFUSED");
  EXPECT_THAT(status.message(), HasSubstr("the encoder does not fit"));
  EXPECT_TRUE(at::equal(wider->parameters()[0].tensor, before->parameters()[0].tensor));
}

}  // namespace
}  // namespace amaes
