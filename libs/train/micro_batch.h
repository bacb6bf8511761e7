// How many samples go through the network at once, when the spec leaves it open (micro_batch: 0).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/statusor.h"
#include "libs/collective/communicator.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// The largest of ceil(lanes / 1, 2, 4, …) for which `fits` is Ok; `fits` says ResourceExhausted when memory was short.
//   - ResourceExhausted: not even one fits.   - any other error of `fits`.
absl::StatusOr<std::int64_t> LargestThatFits(std::int64_t lanes, const std::function<absl::Status(std::int64_t)>& fits);

// Bytes that a trial on a device keeps free, for what comes later and stands beside the job's own weights and moments: the
// network of its probe with gradient and two moments, float32. 0 without a probe. (A probe's activations lie where those of
// the step were.) Pure.
std::int64_t ReserveOf(const JobSpec& spec);

// By the estimate, for a worker that may use `memory_bytes`; at least 1. At most 2: more gains nothing on a CPU. Pure.
std::int64_t MicroBatchOnCpu(const JobSpec& spec, std::int64_t lanes, std::int64_t memory_bytes);

// The system's available memory, shared among `workers`, less a fifth. 0: not known.
std::int64_t MemoryForOneWorker(std::int64_t workers);

// The job's micro-batch: what an earlier attempt settled on, else what rank 0 finds with `choose`; it is written to
// jobs/JOB/micro_batch.json before anybody trains with it, so that every attempt computes the same. All ranks.
//   - errors of `choose`, of files, of the key-value table.   - DataLoss: the file is damaged.
absl::StatusOr<std::int64_t> AgreeOnMicroBatch(const std::filesystem::path& job_folder, int rank,
                                               RendezvousStore& store, absl::Duration timeout,
                                               const std::function<absl::StatusOr<std::int64_t>()>& choose);

}  // namespace amaes
