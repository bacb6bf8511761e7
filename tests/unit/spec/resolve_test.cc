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
  EXPECT_EQ(resolved.pretrain.schedule.steps, 30);  // 12 whole steps in a pass
  EXPECT_EQ(resolved.pretrain.schedule.warmup_steps, 1);
  EXPECT_EQ(resolved.pretrain.dataset.version, 7);
  EXPECT_EQ(resolved.pretrain.dataset.digest, digest);
  EXPECT_EQ(resolved.pretrain.network.filters, 64);
  EXPECT_TRUE(ValidateSpec(resolved).empty());
}

TEST(ResolveSpec, APassShorterThanABatchCountsAsItsShare) {
  JobSpec spec = Named("unet_b");
  spec.pretrain.schedule.passes = 10;
  EXPECT_EQ(ResolveSpec(spec, {1, "", 12}).pretrain.schedule.steps, 7);  // 120 samples, 16 a step
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

TEST(ResolveSpec, FromScratchNothingIsFrozen) {
  JobSpec spec;
  spec.kind = JobKind::kFinetune;
  spec.finetune.init = {.from = "job:a", .freeze_encoder_steps = 7};
  EXPECT_EQ(ResolveSpec(spec, {1, "", 10}).finetune.init.freeze_encoder_steps, 7);
  spec.finetune.init.scratch = true;
  EXPECT_EQ(ResolveSpec(spec, {1, "", 10}).finetune.init.freeze_encoder_steps, 0);
}

TEST(NetworkOf, PretrainingIsLightAndFinetuningSegmentsWithSkips) {
  JobSpec spec = Named("unet_b");
  EXPECT_EQ(NetworkOptionsOf(spec).decoder, Decoder::kLight);
  EXPECT_FALSE(NetworkOptionsOf(spec).skips);
  EXPECT_EQ(NetworkOptionsOf(spec).head, Head::kReconstruction);
  spec.pretrain.network.decoder = "standard";
  spec.pretrain.network.skips = "on";
  EXPECT_EQ(NetworkOptionsOf(spec).decoder, Decoder::kStandard);
  EXPECT_TRUE(NetworkOptionsOf(spec).skips);
  JobSpec finetune;
  finetune.kind = JobKind::kFinetune;
  EXPECT_EQ(NetworkOptionsOf(finetune).decoder, Decoder::kStandard);
  EXPECT_TRUE(NetworkOptionsOf(finetune).skips);
  EXPECT_EQ(NetworkOptionsOf(finetune).head, Head::kSegmentation);
  finetune.finetune.network.skips = "off";
  EXPECT_FALSE(NetworkOptionsOf(finetune).skips);
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

// Forward multiply-adds of the published networks, as counted layer by layer elsewhere (billions): light decoder, no skips.
TEST(EstimateSpec, CountsTheArithmetic) {
  for (const auto& [network, side, billions] :
       {std::tuple{"unet_b", 128, 258.2}, {"unet_b", 96, 108.9}, {"unet_xl", 128, 1028.9}, {"unet_xl", 96, 434.1}}) {
    JobSpec spec = Named(network);
    spec.pretrain.patch = Cube(side);
    EXPECT_NEAR(static_cast<double>(EstimateSpec(spec).flops_per_sample) / 6e9, billions, 0.06)
        << network << " " << side;
  }
  std::string basis;
  JobSpec spec = Named("unet_b");
  spec.pretrain.device = "cpu";
  const double one = AssumedSamplesPerSecond(spec, basis);
  EXPECT_NEAR(one, 40e9 / 1.549e12, 1e-3);
  spec.pretrain.workers = 4;
  EXPECT_DOUBLE_EQ(AssumedSamplesPerSecond(spec, basis), 4 * one);
  EXPECT_EQ(basis, "an assumed 40 GFLOP/s per worker");
}

TEST(EstimateSpec, AnAverageTakesItsPlace) {
  JobSpec spec = Named("unet_b");
  const SpecEstimate without = EstimateSpec(spec);
  spec.pretrain.ema.decay = 0.999;
  spec.pretrain.checkpoint.best_metric = "masked_r2";
  EXPECT_EQ(EstimateSpec(spec).checkpoint_bytes, 16 * without.parameters);
  EXPECT_EQ(EstimateSpec(spec).disk_bytes, 5 * 16 * without.parameters);
  EXPECT_EQ(EstimateSpec(spec).memory_per_worker_bytes, without.memory_per_worker_bytes + 4 * without.parameters);
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
