#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

JobSpec Named(const std::string& network) {
  JobSpec spec;
  spec.pretrain.dataset.name = "brains";
  spec.pretrain.network.name = network;
  return spec;
}

TEST(ResolveSpec, StepsComeFromPasses) {
  const std::string digest(64, 'a');
  JobSpec spec = Named("unet_xl");
  spec.pretrain.schedule.passes = 2.5;
  spec.pretrain.global_batch = 8;
  const JobSpec resolved = ResolveSpec(spec, {7, digest, 101});
  EXPECT_EQ(resolved.pretrain.schedule.steps, 31);  // 252.5 samples, 8 a step
  EXPECT_EQ(resolved.pretrain.schedule.warmup_steps, 1);
  EXPECT_EQ(resolved.pretrain.dataset.version, 7);
  EXPECT_EQ(resolved.pretrain.dataset.digest, digest);
  EXPECT_EQ(resolved.pretrain.network.filters, 64);
  EXPECT_TRUE(ValidateSpec(resolved).empty());
}

TEST(ResolveSpec, AtLeastOneStep) {
  JobSpec spec = Named("unet_b");
  spec.pretrain.schedule.passes = 1;
  const JobSpec resolved = ResolveSpec(spec, {1, "", 3});
  EXPECT_EQ(resolved.pretrain.schedule.steps, 1);
  EXPECT_EQ(resolved.pretrain.schedule.warmup_steps, 0);
}

TEST(ResolveSpec, WhatIsGivenStays) {
  JobSpec spec = Named("unet");
  spec.pretrain.network.filters = 8;
  spec.pretrain.schedule.steps = 1000;
  spec.pretrain.schedule.warmup_steps = 0;
  const JobSpec resolved = ResolveSpec(spec, {1, "", 50});
  EXPECT_EQ(resolved.pretrain.schedule.steps, 1000);
  EXPECT_EQ(resolved.pretrain.schedule.warmup_steps, 0);
  EXPECT_EQ(resolved.pretrain.network.filters, 8);
  EXPECT_EQ(SpecToJson(ResolveSpec(resolved, {1, "", 50})), SpecToJson(resolved));
}

TEST(ResolveSpec, WarmupNeverExceedsResolvedSteps) {
  JobSpec spec = Named("unet_b");
  spec.pretrain.schedule.passes = 1;
  spec.pretrain.schedule.warmup_steps = 500;
  const JobSpec resolved = ResolveSpec(spec, {1, "", 160});
  EXPECT_EQ(resolved.pretrain.schedule.steps, 10);
  EXPECT_EQ(resolved.pretrain.schedule.warmup_steps, 10);
}

TEST(EstimateSpec, GrowsWithTheRightThings) {
  const JobSpec b = Named("unet_b");
  const SpecEstimate estimate = EstimateSpec(b);
  EXPECT_EQ(estimate.parameters, 17'879'617);
  EXPECT_EQ(estimate.checkpoint_bytes, 12 * 17'879'617);
  EXPECT_EQ(estimate.disk_bytes, 4 * estimate.checkpoint_bytes);
  EXPECT_GT(estimate.memory_per_worker_bytes, std::int64_t{3} << 30);
  EXPECT_LT(estimate.memory_per_worker_bytes, std::int64_t{8} << 30);
  EXPECT_EQ(EstimateSpec(Named("unet_xl")).parameters, 71'500'929);
  JobSpec half = b;
  half.pretrain.precision = "bf16";
  EXPECT_LT(EstimateSpec(half).memory_per_worker_bytes, estimate.memory_per_worker_bytes);
  JobSpec wide = b;
  wide.pretrain.micro_batch = 2;
  EXPECT_GT(EstimateSpec(wide).memory_per_worker_bytes, estimate.memory_per_worker_bytes);
}

TEST(EstimateSpec, IngestTakesItsLimitPerProcess) {
  JobSpec spec;
  spec.kind = JobKind::kIngest;
  spec.ingest.processes = 3;
  spec.ingest.memory_limit_mib = 100;
  EXPECT_EQ(EstimateSpec(spec).memory_per_worker_bytes, 300 << 20);
  EXPECT_EQ(EstimateSpec(spec).parameters, 0);
}

}  // namespace
}  // namespace amaes
