// Ten training losses per network, pinned: what changes them changes what users get. In float32, whose rounding AdamW amplifies
// (a bias before a norm has a gradient of rounding alone): other processors and threads may differ by 0.1 % after ten steps.
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_join.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/models/model_registry.h"
#include "tests/conformance/models/network_run.h"

namespace amaes {
namespace {

constexpr double kTolerance = 2e-3;

struct Golden {
  const char* name;
  std::int64_t filters;
  bool segmentation;
  Shape3 patch;
  std::vector<double> losses;
};

class GoldenLosses : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenLosses, AreThoseOfTheFirstRelease) {
  const Golden& golden = GetParam();
  NetworkRunOptions run{.network = {.name = golden.name, .filters = golden.filters}, .patch = golden.patch, .batch = 1};
  if (golden.segmentation) {
    run.network.out_channels = 3;
    run.network.decoder = Decoder::kStandard;
    run.network.skips = run.network.deep_supervision = true;
    run.network.head = Head::kSegmentation;
  }
  ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork(run.network));
  network->To(at::kCPU, at::kFloat);
  ASSERT_OK_AND_ASSIGN(const std::vector<double> losses,
                       RunNetwork(*network, run, [](int, const NetworkRunStep&) { return absl::OkStatus(); }));
  ASSERT_EQ(losses.size(), golden.losses.size()) << absl::StrJoin(losses, ", ");
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], golden.losses[i], kTolerance * golden.losses[i])
        << "step " << i << " of " << absl::StrJoin(losses, ", ");
  }
}

const Golden kTable[] = {
    {"unet",
     4,
     false,
     {32, 32, 32},
     {0.262028, 0.232356, 0.207389, 0.186393, 0.171568, 0.162451, 0.156473, 0.146711, 0.141937, 0.134705}},
    {"unet",
     4,
     true,
     {32, 32, 32},
     {0.962797, 0.930801, 0.882312, 0.847942, 0.823147, 0.802194, 0.786418, 0.759125, 0.749111, 0.731676}},
    {"mednext_m",
     4,
     false,
     {32, 32, 32},
     {0.130377, 0.122587, 0.120173, 0.113724, 0.112144, 0.108298, 0.106681, 0.101954, 0.100105, 0.0981275}},
    {"mednext_l",
     4,
     false,
     {32, 32, 32},
     {0.353051, 0.334577, 0.326329, 0.310909, 0.296918, 0.293883, 0.282714, 0.271949, 0.266579, 0.259997}},
    {"resenc_l",
     3,
     false,
     {64, 64, 32},
     {0.400637, 0.365711, 0.338479, 0.318456, 0.30016, 0.284941, 0.271597, 0.255965, 0.24565, 0.233888}},
};

INSTANTIATE_TEST_SUITE_P(Table, GoldenLosses, ::testing::ValuesIn(kTable), [](const auto& test) {
  return std::string(test.param.name) + (test.param.segmentation ? "_standard" : "_light");
});

}  // namespace
}  // namespace amaes
