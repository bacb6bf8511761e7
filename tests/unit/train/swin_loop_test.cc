// A whole run of SwinUNETR's own pretraining with the real network: two workers, one step, its metrics and its checkpoint.
#include <gtest/gtest.h>

#include <set>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/train/checkpoint_io.h"
#include "tests/unit/train/run_ranks.h"

namespace amaes {
namespace {

TEST(SwinPretraining, TwoWorkersTrainAndSaveTheEncoder) {
  TempDir dir;
  JobSpec job = SmallSpec(/*steps=*/1, /*global_batch=*/2);
  job.pretrain.network = {.name = "swin_unetr", .filters = 12};
  job.pretrain.patch = {64, 32, 32};
  job.pretrain.objective = {.name = "swinunetr", .group = 1};
  job.pretrain.schedule.warmup_steps = 0;
  const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = 2});
  for (const auto& rank : result.ranks) {
    ASSERT_OK(rank);
    EXPECT_TRUE(rank->complete);
  }
  const std::vector<TrainProgress> progress = result.Reports<TrainProgress>();
  ASSERT_FALSE(progress.empty());
  for (const char* name : {"loss", "loss_contrastive", "loss_reconstruction", "loss_rotation", "rotation_accuracy"}) {
    EXPECT_TRUE(progress.back().metrics.contains(name)) << name;
  }
  const CheckpointSearch search = FindCheckpoints(dir.path() / "checkpoints", /*first_only=*/true);
  ASSERT_EQ(search.verified.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile model, ReadSafetensors(search.verified.front().folder / kModelFile));
  std::set<std::string> names;
  for (const TensorView& view : model.tensors) names.insert(view.name);
  for (const char* name : {"swinViT.layers4.0.blocks.1.attn.relative_position_index", "swinViT.patch_embed.proj.weight",
                           "rotation_head.weight", "contrastive_head.bias", "conv.0.weight", "conv.20.bias"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace amaes
