#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/models/autocast.h"
#include "libs/models/model_registry.h"
#include "libs/models/repeat_stem.h"
#include "libs/models/torch_errors.h"
#include "libs/models/unet.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Network> Small(std::uint64_t seed = 1) { return MakeUNet({.filters = 4, .seed = seed}); }

TEST(UNet, ParameterCountsAreTheReferences) {
  for (const auto& [name, count] :
       {std::pair<std::string, std::int64_t>{"unet_b", 17'879'617}, {"unet_xl", 71'500'929}}) {
    ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork({.name = name}));
    EXPECT_EQ(network->parameters().size(), 66u);
    EXPECT_EQ(ParameterCount(*network), count);
  }
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> ReferenceNames(std::int64_t f) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> out;
  const auto unit = [&](const std::string& prefix, std::int64_t in, std::int64_t c) {
    out.push_back({prefix + ".conv.weight", {c, in, 3, 3, 3}});
    for (const char* name : {".conv.bias", ".norm.weight", ".norm.bias"}) out.push_back({prefix + name, {c}});
  };
  std::int64_t before = 1;
  for (const char* stage : {"in_conv", "encoder_conv1", "encoder_conv2", "encoder_conv3", "encoder_conv4"}) {
    const std::int64_t c = before == 1 ? f : 2 * before;
    unit(absl::StrCat("encoder.", stage, ".conv1"), before, c);
    unit(absl::StrCat("encoder.", stage, ".conv2"), c, c);
    before = c;
  }
  for (int j = 1; j <= 4; ++j) {
    const std::int64_t c = f << (4 - j);
    out.push_back({absl::StrCat("rec_head.upsample", j, ".weight"), {2 * c, c, 2, 2, 2}});
    out.push_back({absl::StrCat("rec_head.upsample", j, ".bias"), {c}});
    unit(absl::StrCat("rec_head.decoder_conv", j, ".conv1"), c, c);
  }
  out.push_back({"rec_head.out_conv.weight", {1, f, 1, 1, 1}});
  out.push_back({"rec_head.out_conv.bias", {1}});
  return out;
}

// What the coordinator believes, without LibTorch, about every network, decoder and head.
TEST(ModelRegistry, ParametersAreAsManyAsTheFactsSay) {
  for (const NetworkFacts& facts : Networks()) {
    for (int variant = 0; variant < 8; ++variant) {
      const NetworkOptions options{.name = facts.name,
                                   .filters = std::max<std::int64_t>(4, facts.widths),
                                   .in_channels = 1 + variant % 2,
                                   .out_channels = 3,
                                   .decoder = variant & 2 ? Decoder::kStandard : Decoder::kLight,
                                   .skips = (variant & 4) != 0,
                                   .deep_supervision = variant == 7 && facts.deep_supervision};
      ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork(options));
      EXPECT_EQ(ParameterCount(*network), SizeOfNetwork(options, {64, 64, 64}).parameters)
          << facts.name << " " << variant;
    }
  }
}

// So are the encoder's names: of all networks only its own has the mark of its row, in that width.
TEST(ModelRegistry, EncodersAreWhatTheFactsSay) {
  for (const NetworkFacts& built : Networks()) {
    NetworkOptions options{.name = built.name, .filters = built.widths == 0 ? built.filters : 12};
    ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork(options));
    EXPECT_EQ(network->encoder_prefix(), EncoderPrefixOf(options)) << built.name;
    for (const NetworkFacts& other : Networks()) {
      const auto mark = std::find_if(network->parameters().begin(), network->parameters().end(),
                                     [&](const NamedTensor& parameter) { return parameter.name == other.mark; });
      options.name = other.name;
      const bool found =
          mark != network->parameters().end() && mark->tensor.size(0) == other.mark_widths * options.filters;
      EXPECT_EQ(found, SameEncoder(options, {.name = built.name, .filters = options.filters}))
          << built.name << " " << other.name;
    }
  }
}

// Every network (names of a fixed width have a sibling without), for reconstruction and for segmentation: shapes, gradients
// that reach what is used, samples that do not mix.
TEST(ModelRegistry, NetworksKeepShapesAndReachTheirParameters) {
  for (const NetworkFacts& facts : Networks()) {
    if (facts.widths == 0) continue;
    for (const bool segmentation : {false, true}) {
      const NetworkOptions options{.name = facts.name,
                                   .filters = std::max<std::int64_t>(4, facts.widths),
                                   .in_channels = segmentation ? 2 : 1,
                                   .out_channels = segmentation ? 3 : 1,
                                   .decoder = segmentation ? Decoder::kStandard : Decoder::kLight,
                                   .skips = segmentation,
                                   .deep_supervision = segmentation && facts.deep_supervision};
      ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork(options));
      const std::int64_t side = facts.smallest;
      const at::Tensor input = at::rand({segmentation ? 1 : 2, options.in_channels, side, side + facts.multiple, side});
      const std::vector<at::Tensor> outputs = network->ForwardDeep(input);
      ASSERT_EQ(outputs[0].sizes(),
                at::IntArrayRef({input.size(0), options.out_channels, side, side + facts.multiple, side}))
          << facts.name;
      EXPECT_EQ(outputs.size() > 1, options.deep_supervision) << facts.name;
      at::Tensor loss = outputs[0].square().mean();
      for (std::size_t i = 1; i < outputs.size(); ++i) {
        EXPECT_EQ(outputs[i].size(4), side >> i);
        loss = loss + outputs[i].square().mean();
      }
      loss.backward();
      int encoder = 0;
      for (const auto& [name, tensor] : network->parameters()) {
        ASSERT_TRUE(tensor.grad().defined()) << facts.name << " " << name;
        EXPECT_GT(tensor.grad().abs().max().item<double>(), 0.0) << facts.name << " " << name;
        if (absl::StartsWith(name, network->encoder_prefix())) ++encoder;
      }
      EXPECT_GT(encoder, 0) << facts.name;
      EXPECT_LT(encoder, static_cast<int>(network->parameters().size())) << facts.name;
      const c10::AutoGradMode no_gradients(false);
      const std::int64_t last = input.size(0) - 1;
      const at::Tensor alone = network->Forward(input.narrow(0, last, 1));
      EXPECT_LT((outputs[0][last] - alone[0]).abs().max().item<double>(), 1e-4) << facts.name;
    }
  }
}

TEST(UNet, StandardDecoderTakesSkipsAndSegmentsUnderItsOwnName) {
  const auto network = MakeUNet({.filters = 4,
                                 .in_channels = 2,
                                 .out_channels = 3,
                                 .decoder = Decoder::kStandard,
                                 .skips = true,
                                 .head = Head::kSegmentation});
  EXPECT_EQ(network->parameters().size(), 82u);
  EXPECT_EQ(network->parameters()[0].tensor.sizes(), at::IntArrayRef({4, 2, 3, 3, 3}));
  EXPECT_EQ(network->parameters()[42].name, "pred_head.decoder_conv1.conv1.conv.weight");
  EXPECT_EQ(network->parameters()[42].tensor.sizes(), at::IntArrayRef({32, 64, 3, 3, 3}));
  EXPECT_EQ(network->parameters()[46].name, "pred_head.decoder_conv1.conv2.conv.weight");
  EXPECT_EQ(network->Forward(at::rand({1, 2, 32, 48, 32})).sizes(), at::IntArrayRef({1, 3, 32, 48, 32}));
}

TEST(UNet, DeepSupervisionWhileGradientsAreEnabled) {
  const NetworkOptions options{.filters = 4,
                               .out_channels = 2,
                               .decoder = Decoder::kStandard,
                               .skips = true,
                               .deep_supervision = true,
                               .head = Head::kSegmentation};
  const auto network = MakeUNet(options);
  EXPECT_EQ(network->parameters().back().name, "pred_head.ds_out_conv3.bias");
  const at::Tensor input = at::rand({1, 1, 32, 32, 32});
  const std::vector<at::Tensor> outputs = network->ForwardDeep(input);
  ASSERT_EQ(outputs.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(outputs[i].sizes(), at::IntArrayRef({1, 2, 32 >> i, 32 >> i, 32 >> i})) << i;
  EXPECT_TRUE(at::equal(outputs[0], network->Forward(input)));
  const c10::AutoGradMode no_gradients(false);
  EXPECT_EQ(network->ForwardDeep(input).size(), 1u);
}

TEST(UNet, NamesShapesAndOrderAreTheReferences) {
  const auto network = Small();
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> got;
  for (const auto& [name, tensor] : network->parameters()) got.emplace_back(name, tensor.sizes().vec());
  EXPECT_EQ(got, ReferenceNames(4));
}

TEST(UNet, InitialWeightsFollowPyTorchsDefaultsAndTheSeed) {
  const auto network = MakeUNet({.filters = 16, .seed = 5});
  const auto same = MakeUNet({.filters = 16, .seed = 5}), other = MakeUNet({.filters = 16, .seed = 6});
  for (std::size_t i = 0; i < 66; ++i) {
    const auto& [name, tensor] = network->parameters()[i];
    EXPECT_TRUE(tensor.requires_grad() && tensor.is_leaf());
    EXPECT_TRUE(at::equal(tensor, same->parameters()[i].tensor)) << name;
    if (tensor.dim() != 5) continue;
    EXPECT_FALSE(at::equal(tensor, other->parameters()[i].tensor)) << name;
    const double fan_in = static_cast<double>(tensor[0].numel());
    const double bound = 1 / std::sqrt(fan_in);
    EXPECT_LE(tensor.abs().max().item<double>(), bound) << name;
    if (tensor.numel() < 1000) continue;
    EXPECT_NEAR(tensor.std().item<double>(), bound / std::sqrt(3.0), 0.03 * bound) << name;
    EXPECT_NEAR(tensor.mean().item<double>(), 0.0, 4 * bound / std::sqrt(static_cast<double>(tensor.numel()))) << name;
  }
}

TEST(UNet, ForwardKeepsTheShapeAndReachesEveryParameter) {
  const auto network = Small();
  const at::Tensor input = at::rand({2, 1, 32, 48, 32});
  const at::Tensor output = network->Forward(input);
  EXPECT_EQ(output.sizes(), input.sizes());
  output.square().mean().backward();
  for (const auto& [name, tensor] : network->parameters()) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_GT(tensor.grad().abs().max().item<double>(), 0.0) << name;
  }
}

TEST(UNet, SamplesOfABatchDoNotMix) {
  const auto network = Small();
  network->To(at::kCPU, at::kDouble);
  const at::Tensor a = at::rand({1, 1, 32, 32, 32}, at::kDouble), b = at::rand({1, 1, 32, 32, 32}, at::kDouble);
  const at::Tensor both = network->Forward(at::stack({a[0], b[0]}));
  EXPECT_LT((both[1] - network->Forward(b)[0]).abs().max().item<double>(), 1e-12);
}

TEST(UNet, HandlesStayValidWhenMoved) {
  const auto network = Small();
  const at::Tensor handle = network->parameters()[0].tensor;
  network->To(at::kCPU, at::kDouble);
  EXPECT_EQ(handle.scalar_type(), at::kDouble);
  EXPECT_TRUE(handle.requires_grad());
}

TEST(UNet, AutocastEndsWithItsScope) {
  const auto network = Small();
  const at::Tensor input = at::rand({1, 1, 32, 32, 32});
  {
    const AutocastScope autocast(at::kCPU, true);
    EXPECT_EQ(network->Forward(input).scalar_type(), at::kBFloat16);
  }
  EXPECT_EQ(network->Forward(input).scalar_type(), at::kFloat);
}

TEST(ModelRegistry, RefusesByName) {
  EXPECT_THAT(MakeNetwork({.name = "vit"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unet_b, unet_xl, unet, mednext_m")));
  EXPECT_THAT(MakeNetwork({.name = "unet"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("network.filters")));
  EXPECT_OK(MakeNetwork({.name = "unet", .filters = 3}));
}

TEST(RepeatStem, EqualChannelsGiveWhatOneGave) {
  const auto one = MakeUNet({.filters = 4, .in_channels = 1}), three = MakeUNet({.filters = 4, .in_channels = 3});
  const at::Tensor stem = one->parameters()[0].tensor.detach(), wider = three->parameters()[0].tensor;
  ASSERT_TRUE(IsRepeatableStem(stem.sizes(), wider.sizes()));
  const c10::AutoGradMode no_gradients(false);
  for (std::size_t i = 1; i < one->parameters().size(); ++i)
    three->parameters()[i].tensor.copy_(one->parameters()[i].tensor);
  wider.copy_(RepeatStem(stem, 3));
  const at::Tensor input = at::rand({1, 1, 32, 32, 32});
  const at::Tensor got = three->Forward(input.expand({1, 3, 32, 32, 32}).contiguous());
  EXPECT_LT((got - one->Forward(input)).abs().max().item<double>(), 1e-4);
}

TEST(RepeatStem, OnlyWhereOneChannelBecomesMore) {
  EXPECT_TRUE(IsRepeatableStem({4, 1, 3, 3, 3}, {4, 2, 3, 3, 3}));
  EXPECT_FALSE(IsRepeatableStem({4, 2, 3, 3, 3}, {4, 4, 3, 3, 3}));
  EXPECT_FALSE(IsRepeatableStem({4, 1, 3, 3, 3}, {4, 1, 3, 3, 3}));
  EXPECT_FALSE(IsRepeatableStem({4, 1, 3, 3, 3}, {8, 2, 3, 3, 3}));
  EXPECT_FALSE(IsRepeatableStem({4, 1, 3, 3, 3}, {4, 2, 1, 1, 1}));
  EXPECT_FALSE(IsRepeatableStem({4}, {4}));
}

TEST(TorchErrors, BecomeStatuses) {
  const auto network = Small();
  EXPECT_THAT(CatchTorch("forward",
                         [&] {
                           network->Forward(at::rand({1, 2, 32, 32, 32}));
                         }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("forward: ")));
  EXPECT_THAT(CatchTorch("huge", [] { at::rand({std::int64_t{1} << 50}); }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("huge: out of memory")));
  EXPECT_OK(CatchTorch("nothing", [] {}));
}

}  // namespace
}  // namespace amaes
