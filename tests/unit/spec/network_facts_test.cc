#include "libs/spec/network_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace amaes {
namespace {

struct Case {
  const char* what;
  NetworkOptions options;
  std::int64_t parameters;
};

NetworkOptions Segmentation(const char* name, std::int64_t classes = 2) {
  return {
      .name = name, .out_channels = classes, .decoder = Decoder::kStandard, .skips = true, .head = Head::kSegmentation};
}

TEST(NetworkFacts, ParametersAreThoseOfTheReference) {
  const Case table[] = {
      {"B light", {.name = "unet_b"}, 17'879'617},
      {"XL light", {.name = "unet_xl"}, 71'500'929},
      {"B finetuning", Segmentation("unet_b"), 22'581'250},
      {"XL finetuning", Segmentation("unet_xl"), 90'304'514},
      {"B light with skips, as FOMO25", {.name = "unet_b", .skips = true}, 20'229'697},
      {"XL light with skips, as FOMO25", {.name = "unet_xl", .skips = true}, 80'901'249},
      {"MedNeXt M light", {.name = "mednext_m"}, 16'236'385},
      {"MedNeXt M finetuning", Segmentation("mednext_m"), 20'938'018},
      {"MedNeXt L light", {.name = "mednext_l"}, 50'496'993},
      {"MedNeXt L finetuning", Segmentation("mednext_l"), 55'198'626},
      {"ResEnc-L light", {.name = "resenc_l"}, 97'233'313},
      // ResidualEncoderUNet of dynamic-network-architectures 0.4.4 with nnU-Net's ResEnc-L plan, 2 classes.
      {"ResEnc-L finetuning", Segmentation("resenc_l"), 102'349'770},
      {"one class more: F + 1", Segmentation("unet_b", 3), 22'581'250 + 33},
      {"MONAI's SwinUNETR", Segmentation("swin_unetr"), 62'186'708},
      {"one input more: 8 F of the embedding, 28 F of the skip",
       [] {
         NetworkOptions options = Segmentation("swin_unetr");
         options.in_channels = 2;
         return options;
       }(),
       62'186'708 + 36 * 48},
      {"one input more: 27 F", {.name = "unet_b", .in_channels = 2}, 17'879'617 + 27 * 32},
  };
  for (const Case& c : table) {
    EXPECT_EQ(SizeOfNetwork(c.options, {128, 128, 128}).parameters, c.parameters) << c.what;
  }
}

// F(4 (1 + 2/8 + 4/64 + 8/512) + 2 * 16/4096) outputs per voxel, and one of the last convolution.
TEST(NetworkFacts, ActivationsCountEveryConvolution) {
  EXPECT_EQ(SizeOfNetwork({.name = "unet_b"}, {128, 128, 128}).activations,
            std::int64_t{128} * 128 * 128 * (1 + 32 * 4) +
                4 * (64 * 64 * 64 * 64LL + 32 * 32 * 32 * 128LL + 16 * 16 * 16 * 256LL) + 2 * 8 * 8 * 8 * 512LL);
  EXPECT_EQ(8 * SizeOfNetwork({.name = "unet_b"}, {64, 64, 64}).activations,
            SizeOfNetwork({.name = "unet_b"}, {128, 128, 128}).activations);
}

TEST(NetworkFacts, SwinUnetrTakesMultiplesOfTwelve) {
  const NetworkFacts& swin = *FindNetwork("swin_unetr");
  for (const std::int64_t good : {12, 24, 48, 96}) EXPECT_TRUE(TakesFilters(swin, good)) << good;
  for (const std::int64_t bad : {-12, 0, 1, 13, 32}) EXPECT_FALSE(TakesFilters(swin, bad)) << bad;
  EXPECT_FALSE(TakesFilters(*FindNetwork("unet_b"), 64));
  EXPECT_TRUE(TakesFilters(*FindNetwork("unet"), 7));
}

// Published arithmetic of the forward pass on 128³, in 1e9 multiply-adds (the specification's table).
TEST(NetworkFacts, MultiplyAddsAreThePublishedOnes) {
  const NetworkOptions without{.name = "unet_b", .decoder = Decoder::kStandard};
  const std::pair<NetworkOptions, double> table[] = {
      {{.name = "unet_b"}, 258.2},
      {{.name = "unet_xl"}, 1028.9},
      {without, 366.9},
      {{.name = "unet_b", .skips = true}, 366.9},
      {Segmentation("unet_b"), 475.7},
      {Segmentation("unet_xl"), 1898.8},
  };
  for (const auto& [options, billions] : table) {
    EXPECT_NEAR(static_cast<double>(SizeOfNetwork(options, {128, 128, 128}).multiply_adds) / 1e9, billions, 0.051)
        << options.name << " " << billions;
  }
}

TEST(NetworkFacts, AScriptIsAsLargeAsWasSeen) {
  const NetworkSize size = SizeOfNetwork({.name = kScriptNetwork, .script_parameters = 10}, {32, 32, 32});
  EXPECT_EQ(size.parameters, 10);
  EXPECT_EQ(size.multiply_adds, 10 * 32 * 32 * 32);
}

TEST(NetworkFacts, EncodersAreTheSameUnderEitherOfTheirNames) {
  EXPECT_TRUE(SameEncoder({.name = "unet", .filters = 32}, {.name = "unet_b"}));
  EXPECT_TRUE(SameEncoder({.name = "unet_xl", .skips = true}, {.name = "unet", .filters = 64, .in_channels = 4}));
  EXPECT_FALSE(SameEncoder({.name = "unet", .filters = 16}, {.name = "unet_b"}));
  for (const NetworkFacts& a : Networks()) {
    for (const NetworkFacts& b : Networks()) {
      const bool both = absl::StartsWith(a.name, "unet") && absl::StartsWith(b.name, "unet");
      EXPECT_EQ(SameEncoder({.name = a.name, .filters = 48}, {.name = b.name, .filters = 48}), &a == &b || both)
          << a.name << " " << b.name;
    }
    EXPECT_FALSE(SameEncoder({.name = a.name}, {.name = kScriptNetwork})) << a.name;
  }
}

TEST(NetworkFacts, ScriptsSayWhatTheirEncoderIsCalled) {
  EXPECT_EQ(EncoderPrefixOf({.name = kScriptNetwork}), "encoder.");
  EXPECT_EQ(EncoderPrefixOf({.name = kScriptNetwork, .encoder_prefix = "net.backbone"}), "net.backbone.");
  EXPECT_EQ(EncoderPrefixOf({.name = "swin_unetr", .encoder_prefix = "backbone"}), "swinViT.");
  EXPECT_EQ(EncoderPrefixOf({.name = "vit"}), "");
  const NetworkOptions a{.name = kScriptNetwork, .encoder_prefix = "a"},
      b{.name = kScriptNetwork, .encoder_prefix = "b"};
  EXPECT_TRUE(SameEncoder(a, {.name = kScriptNetwork, .script = "/other.pt", .encoder_prefix = "a."}));
  EXPECT_FALSE(SameEncoder(a, b));
}

TEST(NetworkFacts, UnknownNamesAndWidthsHaveNoSize) {
  EXPECT_EQ(FindNetwork("vit"), nullptr);
  EXPECT_EQ(SizeOfNetwork({.name = "vit"}, {64, 64, 64}).parameters, 0);
  EXPECT_EQ(SizeOfNetwork({.name = "unet"}, {64, 64, 64}).parameters, 0);
  EXPECT_EQ(FiltersOf({.name = "unet", .filters = 8}), 8);
  EXPECT_EQ(FiltersOf({.name = "unet_xl"}), 64);
}

}  // namespace
}  // namespace amaes
