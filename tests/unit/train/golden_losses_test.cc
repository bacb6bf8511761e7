// Ten training losses per network, pinned: what changes them changes what users get. In double, where other processors, threads and
// orders of sums change nothing that shows; in float AdamW amplifies rounding to 0.5 % after ten steps.
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_join.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/models/model_registry.h"
#include "libs/spec/network_facts.h"
#include "tests/conformance/models/network_run.h"

namespace amaes {
namespace {

constexpr double kTolerance = 2e-5;  // the table has six digits

struct Golden {
  const char* name;
  std::int64_t filters;
  bool segmentation;
  Shape3 patch;
  std::vector<double> losses;  // ten; four where a step in double takes seconds
};

class GoldenLosses : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenLosses, AreThoseOfTheFirstRelease) {
  const Golden& golden = GetParam();
  NetworkRunOptions run{.network = {.name = golden.name, .filters = golden.filters},
                        .patch = golden.patch,
                        .batch = 1,
                        .steps = static_cast<int>(golden.losses.size()),
                        .float64 = true};
  if (golden.segmentation) {
    run.network.out_channels = 3;
    run.network.decoder = Decoder::kStandard;
    run.network.skips = true;
    run.network.deep_supervision = FindNetwork(golden.name)->deep_supervision;
    run.network.head = Head::kSegmentation;
  }
  ASSERT_OK_AND_ASSIGN(const auto network, MakeNetwork(run.network));
  network->To(at::kCPU, at::kDouble);
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
     {0.25749, 0.23416, 0.214215, 0.195689, 0.162434, 0.157077, 0.143209, 0.138684, 0.11402, 0.147713}},
    {"unet",
     4,
     true,
     {32, 32, 32},
     {0.662007, 0.662187, 0.532998, 0.557826, 0.491257, 0.498164, 0.43625, 0.457621, 0.457527, 0.393115}},
    {"mednext_m",
     4,
     false,
     {32, 32, 32},
     {0.126004, 0.123947, 0.129341, 0.126923, 0.103929, 0.105506, 0.0952321, 0.0959526, 0.0763838, 0.114687}},
    {"mednext_m",
     4,
     true,
     {32, 32, 32},
     {0.413878, 0.426884, 0.354588, 0.366219, 0.296706, 0.324562, 0.257528, 0.286701, 0.285724, 0.269897}},
    {"mednext_l",
     4,
     false,
     {32, 32, 32},
     {0.159367, 0.164116, 0.114751, 0.142057, 0.135464, 0.111137, 0.12367, 0.0906436, 0.100432, 0.0495247}},
    {"resenc_l",
     3,
     false,
     {64, 64, 32},
     {0.27282, 0.261955, 0.211849, 0.213719, 0.199842, 0.176651, 0.177223, 0.146262, 0.135232, 0.114313}},
    {"resenc_l",
     3,
     true,
     {64, 64, 32},
     {1.02636, 0.964493, 0.824535, 0.882957, 0.870025, 0.834064, 0.726925, 0.746352, 0.748667, 0.602988}},
    {"swin_unetr",
     12,
     false,
     {64, 32, 32},
     {0.221564, 0.200455, 0.204667, 0.193948, 0.167089, 0.146809, 0.121642, 0.100192, 0.0939587, 0.108178}},
    {"swin_unetr", 12, true, {64, 32, 32}, {0.314787, 0.224831, 0.184175, 0.135836}},
};

INSTANTIATE_TEST_SUITE_P(Table, GoldenLosses, ::testing::ValuesIn(kTable), [](const auto& test) {
  return std::string(test.param.name) + (test.param.segmentation ? "_standard" : "_light");
});

}  // namespace
}  // namespace amaes
