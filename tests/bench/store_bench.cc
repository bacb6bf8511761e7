// Durable writes per second; the argument is the number of threads that write at once (group commit).
#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/store/store.h"

namespace amaes {
namespace {

constexpr int kWritesPerThread = 50;

void PutJobs(benchmark::State& state) {
  const TempDir folder;
  const auto store = Store::Open(folder.path() / "store.db");
  AMAES_CHECK(store.ok());
  std::atomic<int> number{0};
  const auto write = [&] {
    for (int i = 0; i < kWritesPerThread; ++i) {
      JobRecord job;
      job.id = JobId(absl::StrCat("job-", number.fetch_add(1)));
      job.kind = "pretrain";
      job.spec_json = std::string(2048, 's');
      AMAES_CHECK((*store)->Write([&](StoreTransaction& transaction) { return transaction.PutJob(job); }).ok());
    }
  };
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (int t = 0; t < state.range(0); ++t) threads.emplace_back(write);
    for (std::thread& thread : threads) thread.join();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * kWritesPerThread);
}
BENCHMARK(PutJobs)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace amaes
