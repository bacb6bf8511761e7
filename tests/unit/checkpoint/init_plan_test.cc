#include "libs/checkpoint/init_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Of a pretrained network: an encoder of two layers, and a decoder.
std::vector<TensorShape> Pretrained(const std::string& wrapper = "") {
  return {{wrapper + "encoder.in.weight", {8, 1, 3, 3, 3}},
          {wrapper + "encoder.in.bias", {8}},
          {wrapper + "encoder.deep.weight", {16, 8, 3, 3, 3}},
          {wrapper + "rec_head.up.weight", {16, 8, 2, 2, 2}},
          {wrapper + "rec_head.up.bias", {8}},
          {wrapper + "rec_head.conv.weight", {8, 8, 3, 3, 3}},
          {wrapper + "rec_head.conv.bias", {8}}};
}

// To be finetuned: skips double the decoder's inputs.
std::vector<TensorShape> Segmenter(std::int64_t channels = 1) {
  return {{"encoder.in.weight", {8, channels, 3, 3, 3}},
          {"encoder.in.bias", {8}},
          {"encoder.deep.weight", {16, 8, 3, 3, 3}},
          {"pred_head.up.weight", {16, 8, 2, 2, 2}},
          {"pred_head.up.bias", {8}},
          {"pred_head.conv.weight", {8, 16, 3, 3, 3}},
          {"pred_head.conv.bias", {8}}};
}

std::vector<std::string> Loaded(const InitPlan& plan) {
  std::vector<std::string> names;
  for (const InitPlan::Load& load : plan.loads) names.push_back(load.target);
  return names;
}

TEST(PlanInit, TheEncoderTransfersWhateverIsInFrontOfItsNames) {
  for (const char* wrapper : {"", "model.", "module.", "model._orig_mod."}) {
    const InitPlan plan = PlanInit(Pretrained(wrapper), Segmenter(), {});
    EXPECT_TRUE(plan.complete()) << Incompleteness(plan);
    EXPECT_EQ(Incompleteness(plan), "");
    EXPECT_THAT(Loaded(plan), ElementsAre("encoder.in.weight", "encoder.in.bias", "encoder.deep.weight"));
    EXPECT_EQ(plan.loads[0].source, std::string(wrapper) + "encoder.in.weight");
    EXPECT_THAT(plan.left_out, SizeIs(4));
    EXPECT_THAT(plan.fresh, SizeIs(4));
  }
}

TEST(PlanInit, TheStemIsRepeatedOverChannels) {
  const InitPlan plan = PlanInit(Pretrained(), Segmenter(3), {});
  EXPECT_TRUE(plan.complete());
  EXPECT_EQ(plan.loads[0].repeat, 3);
  EXPECT_EQ(plan.loads[1].repeat, 1);
  // Not the other way round, and not where another side differs.
  EXPECT_FALSE(PlanInit(Segmenter(3), Segmenter(1), {}).complete());
  std::vector<TensorShape> wider = Segmenter(3);
  wider[0].shape[0] = 16;
  EXPECT_FALSE(PlanInit(Pretrained(), wider, {}).complete());
}

TEST(PlanInit, ADecoderIsLoadedOnRequestByWholeLayers) {
  const InitPlan plan = PlanInit(Pretrained(), Segmenter(), {.load_decoder = true});
  EXPECT_TRUE(plan.complete());
  EXPECT_THAT(plan.loads, SizeIs(5));
  EXPECT_THAT(plan.fresh, ElementsAre("pred_head.conv.weight", "pred_head.conv.bias"));
  EXPECT_THAT(plan.left_out, ElementsAre("rec_head.conv.weight", "rec_head.conv.bias"));
}

TEST(PlanInit, EveryMismatchOfTheEncoderIsNamed) {
  std::vector<TensorShape> network = Segmenter();
  network[2].shape = {32, 8, 3, 3, 3};
  network.push_back({"encoder.norm.weight", {8}});
  std::vector<TensorShape> file = Pretrained();
  file.push_back({"encoder.other.bias", {4}});
  const InitPlan plan = PlanInit(file, network, {});
  EXPECT_FALSE(plan.complete());
  EXPECT_THAT(plan.mismatched,
              ElementsAre("encoder.deep.weight: [16,8,3,3,3] in the file, [32,8,3,3,3] in the network"));
  EXPECT_THAT(plan.missing, ElementsAre("encoder.norm.weight"));
  EXPECT_THAT(plan.unexpected, ElementsAre("encoder.other.bias"));
  EXPECT_THAT(Incompleteness(plan),
              AllOf(HasSubstr("1 tensor of the encoder of another shape (encoder.deep.weight: "),
                    HasSubstr("1 tensor of the encoder missing in the file (encoder.norm.weight)"),
                    HasSubstr("that the network does not have (encoder.other.bias)")));
}

TEST(PlanInit, AnEncoderOfAnotherNameIsForeign) {
  const InitPlan plan = PlanInit(Pretrained(), {{"swinViT.a.weight", {3}}}, {.encoder_prefix = "swinViT."});
  EXPECT_FALSE(plan.complete());
  EXPECT_THAT(plan.loads, IsEmpty());
}

TEST(InitReport, ReadsBackForPeople) {
  const InitPlan plan = PlanInit(Pretrained(), Segmenter(2), {});
  const std::vector<std::string> lines = InitReportLines(InitReportJson(plan, "job:first@00000100-001", "abc"));
  EXPECT_EQ(absl::StrJoin(lines, "\n"),
            "initialised from job:first@00000100-001: 3 tensors\n"
            "repeated 1: encoder.in.weight: over 2 channels\n"
            "left_out 4: rec_head.up.weight; rec_head.up.bias; rec_head.conv.weight; and 1 more\n"
            "fresh 4: pred_head.up.weight; pred_head.up.bias; pred_head.conv.weight; and 1 more");
  EXPECT_THAT(InitReportLines("[]"), IsEmpty());
  EXPECT_THAT(InitReportLines("nonsense"), IsEmpty());
}

}  // namespace
}  // namespace amaes
