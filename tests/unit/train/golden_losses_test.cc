// Ten training losses per network, pinned: what changes them changes what users get. In float32, whose rounding AdamW amplifies
// (a bias before a norm has a gradient of rounding alone): other processors and threads may differ by 0.1 % after ten steps.
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_join.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/models/model_registry.h"
#include "libs/spec/network_facts.h"
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
    run.network.skips = true;
    run.network.deep_supervision = FindNetwork(golden.name)->deep_supervision;
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
     {0.25749, 0.23416, 0.214215, 0.195688, 0.162444, 0.157129, 0.143263, 0.138704, 0.114077, 0.147829}},
    {"unet",
     4,
     true,
     {32, 32, 32},
     {0.662007, 0.662187, 0.533, 0.557823, 0.491298, 0.498186, 0.436254, 0.457601, 0.457548, 0.393124}},
    {"mednext_m",
     4,
     false,
     {32, 32, 32},
     {0.126004, 0.123947, 0.129339, 0.126914, 0.103927, 0.105507, 0.0951968, 0.0959217, 0.0763592, 0.114676}},
    {"mednext_m",
     4,
     true,
     {32, 32, 32},
     {0.413878, 0.426886, 0.354628, 0.366362, 0.296799, 0.324647, 0.257644, 0.286974, 0.285769, 0.269914}},
    {"mednext_l",
     4,
     false,
     {32, 32, 32},
     {0.159367, 0.164116, 0.11475, 0.14204, 0.135451, 0.111122, 0.123692, 0.0906709, 0.100421, 0.049576}},
    {"resenc_l",
     3,
     false,
     {64, 64, 32},
     {0.27282, 0.261871, 0.212357, 0.213643, 0.199547, 0.176704, 0.177214, 0.14605, 0.135665, 0.114479}},
    {"resenc_l",
     3,
     true,
     {64, 64, 32},
     {1.02636, 0.964509, 0.824496, 0.883104, 0.870231, 0.835297, 0.729296, 0.747461, 0.750364, 0.604181}},
    {"swin_unetr",
     12,
     false,
     {64, 32, 32},
     {0.221564, 0.200455, 0.204662, 0.194038, 0.167182, 0.14683, 0.1212, 0.0998728, 0.0936886, 0.10751}},
    {"swin_unetr",
     12,
     true,
     {64, 32, 32},
     {0.314787, 0.224831, 0.184174, 0.135838, 0.121029, 0.116082, 0.0945874, 0.0977254, 0.0823477, 0.0966913}},
};

INSTANTIATE_TEST_SUITE_P(Table, GoldenLosses, ::testing::ValuesIn(kTable), [](const auto& test) {
  return std::string(test.param.name) + (test.param.segmentation ? "_standard" : "_light");
});

}  // namespace
}  // namespace amaes
