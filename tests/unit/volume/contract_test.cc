#include "libs/volume/contract.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "libs/base/testing/status_matchers.h"
#include "libs/volume/phantom.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ContractJsonTest, IsCanonicalAndReadsBack) {
  EXPECT_EQ(ContractJson(Contract()),
            R"({"clip_quantile":0.99,"name":"amaes","reference_crop":false,"spacing_mm":[1.0,1.0,1.0],"version":1})");
  Contract other;
  other.spacing_mm = {0.7, 0, 2};
  other.clip_quantile = 0.1 + 0.2;
  other.reference_crop = true;
  const auto parsed = ParseContract(ContractJson(other));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, other);
  EXPECT_EQ(ContractJson(*parsed), ContractJson(other));
}

TEST(ContractJsonTest, RefusesWhatItDoesNotKnow) {
  const auto refused = [](const std::string& json, const std::string& why) {
    EXPECT_THAT(ParseContract(json), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why))) << json;
  };
  const auto with = [](const std::string& from, const std::string& to) {
    std::string json = ContractJson(Contract());
    return json.replace(json.find(from), from.size(), to);
  };
  refused("", "not a JSON object");
  refused("{", "not a JSON object");
  refused("[1]", "not a JSON object");
  refused(std::string(100000, '['), "not a JSON object");
  refused("{}", "\"name\" is missing");
  refused(with("\"version\":1", "\"more\":1"), "\"version\" is missing");
  refused(with("\"version\":1", "\"version\":1,\"more\":1"), "unknown field \"more\"");
  refused(with("\"version\":1", "\"version\":2"), "version 2 is not known here");
  refused(with("\"version\":1", "\"version\":99999999999999999999"), "version");
  refused(with("\"version\":1", "\"version\":0"), "version 0");
  refused(with("\"version\":1", "\"version\":1.5"), "not a whole number");
  refused(with("\"amaes\"", "\"nnssl\""), "unknown name \"nnssl\"; known: amaes, zscore");
  refused(with("\"amaes\"", "7"), "not a string");
  refused(with("[1.0,", "["), "three numbers");
  refused(with("1.0", "-1"), "spacing_mm");
  refused(with("1.0", "\"1\""), "spacing_mm");
  refused(with("0.99", "0"), "clip_quantile");
  refused(with("0.99", "1.01"), "clip_quantile");
  refused(with("false", "0"), "reference_crop");
}

Contract Zscore(double x, double y, double z) {
  Contract contract;
  contract.name = "zscore";
  contract.spacing_mm = {x, y, z};
  return contract;
}

TEST(ContractJsonTest, HoldsTheFieldsOfItsNameOnly) {
  const std::string json = ContractJson(Zscore(1, 0, 2));
  EXPECT_EQ(json, R"({"name":"zscore","spacing_mm":[1.0,0.0,2.0],"version":1})");
  const auto parsed = ParseContract(json);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, Zscore(1, 0, 2));
  const auto refused = [](const std::string& text, const std::string& why) {
    EXPECT_THAT(ParseContract(text), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused(R"({"name":"zscore","spacing_mm":[1,1,1],"version":1,"clip_quantile":0.99})",
          "unknown field \"clip_quantile\"");
  refused(R"({"name":"amaes","spacing_mm":[1,1,1],"version":1,"clip_quantile":0.99})", "\"reference_crop\" is missing");
  Contract mixed = Zscore(1, 1, 1);
  mixed.reference_crop = true;
  EXPECT_THAT(CheckContract(mixed), StatusIs(StatusCode::kInvalidArgument, HasSubstr("zscore has neither")));
}

// 4 x 3 x 3 voxels of 1 mm: background -1, a block of eight voxels with values 1 … 8 at (1,0,1) … (2,1,2).
Volume Block() {
  Volume volume;
  volume.shape = {4, 3, 3};
  volume.affine = {1, 0, 0, 100, 0, 1, 0, 200, 0, 0, 1, 300, 0, 0, 0, 1};
  volume.voxels.assign(36, -1);
  float value = 0;
  for (int x = 1; x <= 2; ++x) {
    for (int y = 0; y <= 1; ++y) {
      for (int z = 1; z <= 2; ++z) volume.at(x, y, z) = ++value;
    }
  }
  return volume;
}

TEST(ApplyContractTest, CropsClipsAndScales) {
  const auto out = ApplyContract(Block(), Contract());
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->shape, (Shape3{2, 2, 2}));
  EXPECT_THAT(out->affine, ElementsAre(1, 0, 0, 101, 0, 1, 0, 200, 0, 0, 1, 301, 0, 0, 0, 1));
  // Background 1; foreground 2 … 8, whose 0.99 quantile is 7 + 0.94.
  for (int i = 0; i < 8; ++i) {
    EXPECT_NEAR(out->voxels[static_cast<std::size_t>(i)], i == 7 ? 1 : i / 6.94, 1e-6);
  }
}

TEST(ApplyContractTest, ReferenceCropTakesOneVoxelMore) {
  Contract contract;
  contract.reference_crop = true;
  const auto out = ApplyContract(Block(), contract);
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->shape, (Shape3{3, 3, 2})) << "cut at the volume's end";
  EXPECT_EQ(out->at(2, 2, 1), 0) << "the background is the minimum, here -1";
  EXPECT_NEAR(out->at(0, 0, 0), 2 / (7.93 + 1), 1e-6);
}

TEST(ApplyContractTest, RoundsTheTargetShapeHalfToEven) {
  Volume volume = Block();
  volume.spacing = {1.25, 1.75, 0.1};
  const auto out = ApplyContract(volume, Contract());
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->shape, (Shape3{2, 4, 1})) << "2.5 to 2, 3.5 to 4, 0.2 to at least 1";
  Contract coarse;
  coarse.spacing_mm = {0.5, 0.5, 0.5};
  volume.spacing = {1, 1, 1};
  const auto fine = ApplyContract(volume, coarse);
  ASSERT_THAT(fine, IsOk());
  EXPECT_EQ(fine->shape, (Shape3{4, 4, 4}));
  EXPECT_EQ(fine->spacing, (std::array<double, 3>{0.5, 0.5, 0.5}));
}

// Labels 3 and 9 on Block's grid; the crop holds both, 5 lies outside of it.
Volume BlockLabels() {
  Volume labels = Block();
  for (float& v : labels.voxels) v = 3;
  labels.at(2, 1, 2) = 9;
  labels.at(0, 0, 0) = 5;
  return labels;
}

TEST(ApplyContractTogetherTest, GivesCompanionsTheSameBoxAndGrid) {
  Contract fine;
  fine.spacing_mm = {0.4, 0.5, 0.7};
  Volume mask = BlockLabels();
  for (float& v : mask.voxels) v = v == 9 ? 1 : 0;
  const std::vector<Volume> companions{BlockLabels(), mask};
  const auto out = ApplyContractTogether(Block(), companions, fine);
  ASSERT_THAT(out, IsOk());
  const auto alone = ApplyContract(Block(), fine);
  ASSERT_THAT(alone, IsOk());
  EXPECT_EQ(out->volume.voxels, alone->voxels);
  ASSERT_EQ(out->companions.size(), 2u);
  for (const Volume& companion : out->companions) {
    EXPECT_EQ(companion.shape, (Shape3{5, 4, 3}));
    EXPECT_EQ(companion.affine, out->volume.affine);
    EXPECT_EQ(companion.spacing, out->volume.spacing);
  }
  for (int x = 0; x < 5; ++x) {
    for (int y = 0; y < 4; ++y) {
      for (int z = 0; z < 3; ++z) {
        // Old voxel 1 of each cropped axis begins at 2.5 of 5, 2 of 4, 1.5 of 3: the voxel in the middle is its own.
        const bool nine = x >= 2 && y >= 2 && z >= 1;
        EXPECT_EQ(out->companions[0].at(x, y, z), nine ? 9 : 3) << x << " " << y << " " << z;
        EXPECT_EQ(out->companions[1].at(x, y, z), nine ? 1 : 0);
      }
    }
  }
}

TEST(ApplyContractTogetherTest, NeverMakesALabelThatIsNotThere) {
  PhantomOptions options;
  options.shape = {40, 48, 40};
  options.spacing_mm = 4;
  const Phantom phantom = MakePhantom(2, options);
  const std::set<float> before(phantom.labels.voxels.begin(), phantom.labels.voxels.end());
  ASSERT_GT(before.size(), 3u);
  for (const double spacing : {2.9, 5.3}) {
    Contract contract;
    contract.spacing_mm = {spacing, spacing, 0};
    const auto out = ApplyContractTogether(phantom.images[0], {&phantom.labels, 1}, contract);
    ASSERT_THAT(out, IsOk());
    const std::vector<float>& labels = out->companions[0].voxels;
    for (const float label : std::set<float>(labels.begin(), labels.end())) EXPECT_EQ(before.count(label), 1u) << label;
  }
}

TEST(ApplyContractTogetherTest, RefusesACompanionOfAnotherGrid) {
  const auto refused = [](const Volume& companion, const std::string& why) {
    const std::vector<Volume> companions{BlockLabels(), companion};
    EXPECT_THAT(ApplyContractTogether(Block(), companions, Contract()),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  Volume other = BlockLabels();
  other.shape = {3, 4, 3};
  refused(other, "companion 1 has 3 x 4 x 3 voxels, the volume 4 x 3 x 3");
  other = BlockLabels();
  other.affine[3] += 216;
  refused(other, "companion 1 does not lie on the volume's grid: its corners are up to 216 mm");
  other = BlockLabels();
  other.affine[5] += 0.001;  // two voxels away from the origin: 0.002 mm
  refused(other, "does not lie on");
  other.affine[5] = 1.0004;
  EXPECT_THAT(ApplyContractTogether(Block(), {&other, 1}, Contract()), IsOk()) << "rounding of an affine";
  other.affine[5] = NAN;
  refused(other, "does not lie on");
}

TEST(ApplyContractTest, StaysInZeroToOneAndDoesNotDependOnThreads) {
  PhantomOptions options;
  options.shape = {48, 56, 48};
  options.spacing_mm = 3;
  const Volume scan = MakePhantom(1, options).images[0];
  for (const double spacing : {1.7, 4.1}) {
    Contract contract;
    contract.spacing_mm = {spacing, spacing, spacing};
    const auto one = ApplyContract(scan, contract, 1);
    ASSERT_THAT(one, IsOk());
    const auto [low, high] = std::minmax_element(one->voxels.begin(), one->voxels.end());
    EXPECT_EQ(*low, 0);
    EXPECT_LE(*high, 1);
    const auto many = ApplyContract(scan, contract, 5);
    ASSERT_THAT(many, IsOk());
    EXPECT_EQ(many->voxels, one->voxels);
    for (int a = 0; a < 3; ++a) EXPECT_NEAR(one->spacing[a], spacing, 0.05);
  }
}

TEST(ZscoreTest, CropsToWhatIsNotZeroAndStandardises) {
  Volume volume = Block();
  for (float& v : volume.voxels) v = v == -1 ? 0 : v;
  volume.at(3, 2, 2) = -4;  // not zero, so inside
  const auto out = ApplyContract(volume, Zscore(0, 0, 0));
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->shape, (Shape3{3, 3, 2}));
  EXPECT_THAT(out->affine, ElementsAre(1, 0, 0, 101, 0, 1, 0, 200, 0, 0, 1, 301, 0, 0, 0, 1));
  // 1 … 8, one -4 and nine zeros: mean 32 / 18, mean square (204 + 16) / 18.
  const double mean = 32.0 / 18, deviation = std::sqrt(220.0 / 18 - mean * mean);
  EXPECT_NEAR(out->at(0, 0, 0), (1 - mean) / deviation, 1e-6);
  EXPECT_NEAR(out->at(1, 1, 1), (8 - mean) / deviation, 1e-6);
  EXPECT_NEAR(out->at(2, 2, 1), (-4 - mean) / deviation, 1e-6);
  EXPECT_NEAR(out->at(2, 2, 0), -mean / deviation, 1e-6);
}

TEST(ZscoreTest, LeavesNativeSpacingAlone) {
  PhantomOptions options;
  options.shape = {30, 36, 30};
  options.spacing_mm = 5;
  Volume scan = MakePhantom(1, options).images[0];
  scan.spacing = {5, 5, 0.7};
  for (const Contract& native : {Zscore(0, 0, 0), Zscore(5, 5, 0.7), Zscore(5, 0, 0)}) {
    const auto out = ApplyContract(scan, native);
    ASSERT_THAT(out, IsOk());
    // Every voxel is a linear function of the scan's; nothing was interpolated.
    const Volume& v = *out;
    double sum = 0, squares = 0;
    for (const float voxel : v.voxels) {
      sum += voxel;
      squares += double{voxel} * voxel;
    }
    EXPECT_NEAR(sum / static_cast<double>(v.voxels.size()), 0, 1e-6);
    EXPECT_NEAR(squares / static_cast<double>(v.voxels.size()), 1, 1e-5);
    EXPECT_EQ(v.spacing, scan.spacing);
    const auto distinct = [](const std::vector<float>& values) {
      return std::set<float>(values.begin(), values.end()).size();
    };
    EXPECT_LE(distinct(v.voxels), distinct(scan.voxels));
  }
}

TEST(ZscoreTest, DoesNotDependOnThreads) {
  PhantomOptions options;
  options.shape = {48, 56, 48};
  options.spacing_mm = 3;
  Volume scan = MakePhantom(1, options).images[0];
  for (const double along_z : {3.0, 12.0}) {
    scan.spacing[2] = along_z;  // 12 mm: slice by slice
    const auto one = ApplyContract(scan, Zscore(2, 4, 1), 1);
    const auto many = ApplyContract(scan, Zscore(2, 4, 1), 5);
    ASSERT_THAT(one, IsOk());
    ASSERT_THAT(many, IsOk());
    EXPECT_EQ(one->voxels, many->voxels);
  }
}

TEST(ZscoreTest, NamesWhatIsWrongWithTheScan) {
  Volume volume = Block();
  for (float& v : volume.voxels) v = 0;
  EXPECT_THAT(ApplyContract(volume, Zscore(1, 1, 1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("every voxel is 0")));
  for (float& v : volume.voxels) v = -7;
  EXPECT_THAT(ApplyContract(volume, Zscore(1, 1, 1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("constant foreground")));
}

TEST(ApplyContractTest, NamesWhatIsWrongWithTheScan) {
  Volume volume = Block();
  for (float& v : volume.voxels) v = std::min(v, 0.0f);
  EXPECT_THAT(ApplyContract(volume, Contract()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no voxel is above 0")));
  for (float& v : volume.voxels) v = 5;
  EXPECT_THAT(ApplyContract(volume, Contract()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("no foreground")));
  for (std::size_t i = 0; i < volume.voxels.size(); ++i) volume.voxels[i] = i % 2 == 0 ? 1 : 0;
  EXPECT_THAT(ApplyContract(volume, Contract()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("constant foreground")));
  volume = Block();
  volume.spacing = {1e6, 1e6, 1e6};
  EXPECT_THAT(ApplyContract(volume, Contract()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("too large")));
  volume.spacing = {NAN, 1, 1};
  EXPECT_THAT(ApplyContract(volume, Contract()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("spacing")));
  Contract contract;
  contract.name = "nnssl";
  EXPECT_THAT(ApplyContract(Block(), contract), StatusIs(StatusCode::kInvalidArgument, HasSubstr("unknown name")));
}

}  // namespace
}  // namespace amaes
