#include "services/coordinator/shard_plan.h"

namespace amaes {

v1::ShardPlan MakeShardPlan(const JobSpec& job, std::int64_t step, AttemptNumber attempt,
                            const std::vector<SlotRef>& ranks, const DatasetVersion& dataset,
                            const Selection& selection, const std::vector<std::int64_t>& entries) {
  const TrainingSpec& spec = job.training();
  const std::int64_t world_size = ranks.empty() ? spec.workers : static_cast<std::int64_t>(ranks.size());
  v1::ShardPlan plan;
  plan.set_attempt(attempt);
  plan.set_global_batch(spec.global_batch);
  plan.set_position(step * spec.global_batch);
  plan.set_training_volumes(static_cast<std::int64_t>(selection.volumes.size()));
  plan.set_pass_length(selection.size());
  std::vector<int> rank_of_lane(static_cast<std::size_t>(spec.global_batch));
  for (int rank = 0; rank < world_size; ++rank) {
    const LaneRange lanes = LanesOf(rank, world_size, spec.global_batch, job.group());
    v1::ShardPlan::Shard* shard = plan.add_shards();
    shard->set_rank(rank);
    shard->set_first_lane(lanes.first);
    shard->set_last_lane(lanes.last);
    if (!ranks.empty()) {
      shard->set_node(ranks[static_cast<std::size_t>(rank)].node.value);
      shard->set_slot(ranks[static_cast<std::size_t>(rank)].slot);
    }
    for (std::int64_t lane = lanes.first; lane < lanes.last; ++lane)
      rank_of_lane[static_cast<std::size_t>(lane)] = rank;
  }
  if (selection.size() == 0) return plan;
  const SelectedStream stream(spec.seed, spec.dataset.digest, selection);
  const std::int64_t length = stream.pass_length();
  plan.set_pass(stream.PassOf(plan.position()));
  for (std::int64_t position = plan.pass() * length; position < (plan.pass() + 1) * length; ++position) {
    v1::ShardPlan::Shard* shard =
        plan.mutable_shards(rank_of_lane[static_cast<std::size_t>(position % spec.global_batch)]);
    const std::int64_t entry = entries[static_cast<std::size_t>(stream.VolumeAt(position))];
    shard->set_volumes(shard->volumes() + 1);
    shard->set_bytes(shard->bytes() + dataset.entries[static_cast<std::size_t>(entry)].stored_bytes);
  }
  return plan;
}

}  // namespace amaes
