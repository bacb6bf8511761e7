// How fast a training step of each network is, with random data. Two measurements per batch size:
//   resident  samples lie on the device; network, loss, gradients and optimiser as TrainStep composes them, and the host
//             does not wait for the device: to compare with PyTorch.
//   step      TrainStep itself, with copying samples to the device and one wait per step: what training does.
// Prints a table of medians and quartiles.
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "libs/augment/masking.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/evaluate/masked_objective.h"
#include "libs/models/autocast.h"
#include "libs/models/torch_errors.h"
#include "tests/gpu/step_rig.h"

namespace amaes {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kLearningRate = 1e-4;

// Marks on the device's stream; times between them. On a CPU, the host's clock.
class StepTimer {
 public:
  explicit StepTimer(c10::Device device) : device_(device) {}

  void Mark() {
    if (device_.is_cpu()) {
      host_.push_back(SystemClock().Monotonic());
      return;
    }
    events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // with timing
    events_.back().record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }

  // Milliseconds; waits for the device.
  std::vector<double> Intervals() const {
    std::vector<double> intervals;
    for (std::size_t i = 1; i < host_.size(); ++i)
      intervals.push_back(absl::ToDoubleMilliseconds(host_[i] - host_[i - 1]));
    if (!events_.empty()) events_.back().synchronize();
    for (std::size_t i = 1; i < events_.size(); ++i) intervals.push_back(events_[i - 1].elapsedTime(events_[i]));
    return intervals;
  }

 private:
  const c10::Device device_;
  std::vector<absl::Duration> host_;
  std::vector<c10::Event> events_;
};

double Quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

struct Bench {
  StepSetup setup;
  std::int64_t warmup = 10, steps = 30;
};

// What the network and the loss need, on the device.
class ResidentStep {
 public:
  ResidentStep(StepRig& rig, const std::vector<Sample>& samples) : rig_(rig) {
    std::vector<const Sample*> pointers;
    for (const Sample& sample : samples) pointers.push_back(&sample);
    batch_ = MakeMaskedBatch(pointers, kToken, rig.setup.device);
    const auto options = at::TensorOptions(at::kFloat).device(rig.setup.device);
    one_ = at::full({}, 1.0, options);
    zero_ = at::full({}, 0.0, options);
  }

  absl::Status Run(std::int64_t update) {
    rig_.buckets.BeginStep(update);
    rig_.buckets.ExpectLastBackward();
    batch_.input = batch_.target.clone();
    batch_.input.masked_fill_(batch_.mask, 0.0);
    at::Tensor output;
    {
      const AutocastScope autocast(rig_.setup.device.type(), rig_.setup.bf16);
      output = rig_.network->Forward(batch_.input);
    }
    const ObjectiveResult result = ReconstructionLoss(output, batch_, LossRegion::kWhole);
    (result.loss / static_cast<double>(rig_.setup.batch)).backward();
    AMAES_RETURN_IF_ERROR(rig_.buckets.FinishBackward());
    AMAES_RETURN_IF_ERROR(rig_.buckets.Wait());
    rig_.optimizer.Step(rig_.buckets.flat(), kLearningRate, update, one_, zero_);
    return absl::OkStatus();
  }

 private:
  StepRig& rig_;
  MaskedBatch batch_;
  at::Tensor one_, zero_;
};

// Times `run(update)` and describes it. Throws c10::Error.
template <typename Step>
absl::StatusOr<Json> Time(const Bench& bench, const char* name, Step run) {
  std::int64_t update = 0;
  for (std::int64_t i = 0; i < bench.warmup; ++i) AMAES_RETURN_IF_ERROR(run(++update));
  StepTimer timer(bench.setup.device);
  timer.Mark();
  const absl::Duration start = SystemClock().Monotonic();
  for (std::int64_t i = 0; i < bench.steps; ++i) {
    AMAES_RETURN_IF_ERROR(run(++update));
    timer.Mark();
  }
  const double host = absl::ToDoubleMilliseconds(SystemClock().Monotonic() - start) / static_cast<double>(bench.steps);
  std::vector<double> milliseconds = timer.Intervals();
  std::sort(milliseconds.begin(), milliseconds.end());
  const double batch = static_cast<double>(bench.setup.batch);
  const auto rate = [&](double share) { return 1000 * batch / Quantile(milliseconds, share); };
  const PeakMemory memory = TakePeakMemory(bench.setup.device);
  std::printf(
      "%-10s %-10s batch %2lld  %8.2f samples/s (quartiles %.2f, %.2f)  %8.2f ms/step  host %.2f ms/step  peak %.2f "
      "GiB\n",
      bench.setup.network.c_str(), name, static_cast<long long>(bench.setup.batch), rate(0.5), rate(0.75), rate(0.25),
      Quantile(milliseconds, 0.5), host, static_cast<double>(memory.allocated) / (1 << 30));
  std::fflush(stdout);
  return Json{{"program", "amaes"},
              {"network", bench.setup.network},
              {"variant", name},
              {"batch", bench.setup.batch},
              {"steps", bench.steps},
              {"warmup", bench.warmup},
              {"samples_per_second", rate(0.5)},
              {"low_quartile", rate(0.75)},
              {"high_quartile", rate(0.25)},
              {"step_ms", Quantile(milliseconds, 0.5)},
              {"host_ms", host},
              {"peak_allocated_bytes", memory.allocated},
              {"peak_reserved_bytes", memory.reserved}};
}

// Throws c10::Error.
absl::StatusOr<Json> Measure(const Bench& bench, bool resident) {
  const std::vector<Sample> samples = RandomSamples(bench.setup.batch, bench.setup.patch);
  (void)TakePeakMemory(bench.setup.device);
  StepRig rig(bench.setup, MakeSingleCommunicator());
  if (resident) {
    ResidentStep step(rig, samples);
    return Time(bench, "resident", [&](std::int64_t update) { return step.Run(update); });
  }
  std::size_t next = 0;
  return Time(bench, "step", [&](std::int64_t update) -> absl::Status {
    AMAES_RETURN_IF_ERROR(rig.step.ComputeGradients(
        update, [&]() -> absl::StatusOr<Sample> { return samples[next++ % samples.size()]; }, {}));
    return rig.step.Update(update, kLearningRate).status();
  });
}

struct Case {
  std::string network;
  std::int64_t batch = 0;
};

std::vector<Case> CasesOf(const Flags& flags) {
  std::vector<Case> cases;
  for (const std::string& network : flags.Words("networks")) {
    for (const std::int64_t batch : flags.Numbers("batch")) cases.push_back({network, batch});
  }
  return cases;
}

absl::Status Run(const Flags& flags) {
  AMAES_ASSIGN_OR_RETURN(const c10::Device device, OpenDevice(flags));
  Json rows = Json::array();
  for (const Case& one : CasesOf(flags)) {
    const std::int64_t batch = one.batch;
    const Bench bench{.setup = {.network = one.network,
                                .patch = flags.Number("patch"),
                                .filters = flags.Number("filters"),
                                .batch = batch,
                                .micro_batch = batch,
                                .bf16 = flags.Text("precision") == "bf16",
                                .device = device},
                      .warmup = flags.Number("warmup"),
                      .steps = flags.Number("steps")};
    for (const bool resident : {true, false}) {
      absl::StatusOr<Json> row = absl::InternalError("not measured");
      AMAES_RETURN_IF_ERROR(CatchTorch("gpu_step_bench", [&] { row = Measure(bench, resident); }));
      AMAES_RETURN_IF_ERROR(row.status());
      rows.push_back(*std::move(row));
    }
  }
  return WriteResult(flags.Text("json"), rows.dump(2));
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  const amaes::Flags flags(argc, argv,
                           {{"device", "gpu"},
                            {"networks", "unet_b"},
                            {"patch", "128"},
                            {"filters", "0"},
                            {"batch", "2,8"},
                            {"precision", "bf16"},
                            {"warmup", "10"},
                            {"steps", "30"},
                            {"threads", "0"},
                            {"json", ""}});
  const absl::Status status = amaes::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "gpu_step_bench: %s\n", status.ToString().c_str());
  amaes::EndProcess(status.ok() ? 0 : 1);
}
