#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "libs/base/testing/status_matchers.h"
#include "libs/checkpoint/checkpoint.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

CheckpointManifest Full() {
  CheckpointManifest out;
  out.job = "job-7f3k2m";
  out.attempt = 3;
  out.step = 1500;
  out.position = 24000;
  out.world_size = 4;
  out.sampling_version = 1;
  out.spec_json = "{\"kind\":\"pretrain\",\"name\":\"ä\\\\\"}";
  out.contract_json = "{}";
  out.dataset = "brains";
  out.dataset_digest = std::string(64, 'd');
  out.dataset_version = 2;
  out.parent = "00001000-002";
  out.software = "amaes 0.1.0";
  out.written = "2026-01-02T03:04:05Z";
  out.metrics = {{"loss_masked", 0.1}, {"loss_visible", 1.0 / 3}};
  out.ledger = {{"ledger-0-of-4", 1234567890123}};
  out.metrics_length = 77;
  out.best_step = 1000;
  out.state = {{"best", {0.1}}, {"guard", {0, 2, 1.0 / 3, std::numeric_limits<double>::infinity()}}, {"none", {}}};
  out.citations = {"arXiv:2408.00640"};
  out.files = {{"model.safetensors", kCheckpointBlockBytes + 1, std::string(64, 'a'), {"00000000", "ffffffff"}},
               {"empty", 0, std::string(64, 'e'), {}}};
  return out;
}

TEST(Manifest, RoundTrips) {
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest back, ManifestFromJson(ManifestToJson(Full())));
  EXPECT_EQ(back, Full());
  EXPECT_EQ(ManifestToJson(back), ManifestToJson(Full()));
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest empty, ManifestFromJson(ManifestToJson(CheckpointManifest{})));
  EXPECT_EQ(empty, CheckpointManifest{});
}

TEST(Manifest, ARunThatDivergedCanSaySo) {
  CheckpointManifest manifest = Full();
  const double infinity = std::numeric_limits<double>::infinity();
  manifest.metrics = {{"a", std::nan("")}, {"b", infinity}, {"c", -infinity}};
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest back, ManifestFromJson(ManifestToJson(manifest)));
  EXPECT_TRUE(std::isnan(back.metrics.at("a")));
  EXPECT_EQ(back.metrics.at("b"), infinity);
  EXPECT_EQ(back.metrics.at("c"), -infinity);
}

TEST(Manifest, EveryFieldIsRequiredAndNoneMore) {
  const Json good = Json::parse(ManifestToJson(Full()));
  for (const auto& [key, value] : good.items()) {
    Json bad = good;
    bad.erase(key);
    EXPECT_THAT(ManifestFromJson(bad.dump()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(key))) << key;
    bad = good;
    bad[key] = Json::array({Json::object()});
    EXPECT_THAT(ManifestFromJson(bad.dump()), StatusIs(absl::StatusCode::kDataLoss)) << key;
  }
  for (const auto& [key, value] : good["files"][0].items()) {
    Json bad = good;
    bad["files"][0].erase(key);
    EXPECT_THAT(ManifestFromJson(bad.dump()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(key))) << key;
  }
  Json bad = good;
  bad["surprise"] = 1;
  EXPECT_THAT(ManifestFromJson(bad.dump()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("unknown field \"surprise\"")));
}

TEST(Manifest, HostileValuesAreRefused) {
  const Json good = Json::parse(ManifestToJson(Full()));
  const auto expect_refused = [&](const std::string& pointer, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    EXPECT_THAT(ManifestFromJson(bad.dump()), StatusIs(absl::StatusCode::kDataLoss)) << pointer << " = " << value;
  };
  expect_refused("/format_version", 0);
  expect_refused("/format_version", "1");
  expect_refused("/step", -1);
  expect_refused("/step", 1.5);
  expect_refused("/step", std::numeric_limits<std::uint64_t>::max());
  expect_refused("/attempt", std::int64_t{1} << 31);
  expect_refused("/world_size", 0);
  expect_refused("/metrics/loss_masked", "much");
  expect_refused("/metrics/loss_masked", nullptr);
  expect_refused("/ledger/ledger-0-of-4", -1);
  expect_refused("/citations/0", 5);
  expect_refused("/files/0/name", "../../etc/passwd");
  expect_refused("/files/0/name", std::string("a\0b", 3));
  expect_refused("/files/1/name", "model.safetensors");
  expect_refused("/files/0/size", -1);
  expect_refused("/files/0/size", std::numeric_limits<std::int64_t>::max());
  expect_refused("/files/0/sha256", std::string(63, 'a'));
  expect_refused("/files/0/sha256", std::string(64, 'A'));
  expect_refused("/files/0/block_crc32c", Json::array({"00000000"}));
  expect_refused("/files/0/block_crc32c/0", "0000000g");
  expect_refused("/files/0", 7);
}

TEST(Manifest, WhatIsNoManifestIsDamage) {
  for (const std::string text : {"", "{", "[]", "null", "{}", "\xff\xfe", "{\"format_version\":1}"}) {
    EXPECT_THAT(ManifestFromJson(text), StatusIs(absl::StatusCode::kDataLoss)) << text;
  }
  EXPECT_THAT(ManifestFromJson(std::string(1 << 20, '[')), StatusIs(absl::StatusCode::kDataLoss));
}

// Before anything else: a newer format may have other fields.
TEST(Manifest, ANewerVersionIsRefusedByName) {
  EXPECT_THAT(
      ManifestFromJson("{\"format_version\": 2, \"other\": []}"),
      StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("version 2"), HasSubstr("use a newer amaes"))));
}

}  // namespace
}  // namespace amaes
