#include "libs/train/micro_batch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/spec/network_facts.h"
#include "libs/spec/probe.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr char kFile[] = "micro_batch.json";
constexpr char kKey[] = "micro_batch";
constexpr std::int64_t kMostOnCpu = 2;

absl::StatusOr<std::int64_t> Parse(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains(kKey) && json[kKey].is_number_integer() && json[kKey] > 0) {
    return json[kKey].get<std::int64_t>();
  }
  return absl::DataLossError(absl::StrCat(kFile, " of the job is damaged: submit it again with micro_batch set"));
}

absl::StatusOr<std::int64_t> Settle(const std::filesystem::path& file,
                                    const std::function<absl::StatusOr<std::int64_t>()>& choose) {
  const absl::StatusOr<std::string> text = files::Read(file, 1 << 16);
  if (text.ok()) return Parse(*text);
  if (!absl::IsNotFound(text.status())) return text.status();
  AMAES_ASSIGN_OR_RETURN(const std::int64_t chosen, choose());
  AMAES_RETURN_IF_ERROR(files::WriteAtomic(file, absl::StrCat("{\"micro_batch\": ", chosen, "}\n")));
  LogInfo("train", "micro-batch chosen", {{"micro_batch", chosen}});
  return chosen;
}

}  // namespace

absl::StatusOr<std::int64_t> LargestThatFits(std::int64_t lanes,
                                             const std::function<absl::Status(std::int64_t)>& fits) {
  for (std::int64_t parts = 1;; parts *= 2) {
    const std::int64_t size = (lanes + parts - 1) / parts;
    const absl::Status status = fits(size);
    if (status.ok()) return size;
    if (!absl::IsResourceExhausted(status) || size <= 1) return status;
  }
}

std::int64_t ReserveOf(const JobSpec& spec) {
  if (!HasProbe(spec)) return 0;
  const JobSpec probe = ProbeJob(spec.pretrain);
  const std::int64_t numbers = SizeOfNetwork(NetworkOptionsOf(probe), probe.finetune.patch).parameters;
  return numbers * 4 * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t MicroBatchOnCpu(const JobSpec& spec, std::int64_t lanes, std::int64_t memory_bytes) {
  JobSpec sized = spec;
  for (std::int64_t size = std::min(lanes, kMostOnCpu); size > 1; --size) {
    sized.training().micro_batch = size;
    if (EstimateSpec(sized).memory_per_worker_bytes <= memory_bytes) return size;
  }
  return 1;
}

std::int64_t MemoryForOneWorker(std::int64_t workers) {
  const absl::StatusOr<std::string> text = files::Read("/proc/meminfo", 1 << 16);
  if (!text.ok()) return 0;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    std::int64_t kibibytes = 0;
    if (words.size() < 2 || words[0] != "MemAvailable:" || !absl::SimpleAtoi(words[1], &kibibytes)) continue;
    return kibibytes * 1024 / std::max<std::int64_t>(1, workers) / 5 * 4;
  }
  return 0;
}

absl::StatusOr<std::int64_t> AgreeOnMicroBatch(const std::filesystem::path& job_folder, int rank,
                                               RendezvousStore& store, absl::Duration timeout,
                                               const std::function<absl::StatusOr<std::int64_t>()>& choose) {
  if (rank == 0) {
    AMAES_ASSIGN_OR_RETURN(const std::int64_t settled, Settle(job_folder / kFile, choose));
    AMAES_RETURN_IF_ERROR(store.Set(kKey, absl::StrCat(settled)));
    return settled;
  }
  AMAES_ASSIGN_OR_RETURN(const std::string text, store.Wait(kKey, timeout));
  std::int64_t settled = 0;
  if (absl::SimpleAtoi(text, &settled) && settled > 0) return settled;
  return absl::InternalError(absl::StrCat("rank 0 settled on micro_batch '", text, "'"));
}

}  // namespace amaes
