// Makes changes pile up behind one that blocks the writer thread, so that they form one group.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/store/store.h"

namespace amaes {

class PiledUpWrites {
 public:
  using Change = std::function<absl::Status(StoreTransaction&)>;

  explicit PiledUpWrites(Store& store) : store_(store) {
    std::promise<void> begun;
    blocking_ = std::thread([this, &begun] {
      EXPECT_OK(store_.Write([&](StoreTransaction& transaction) {
        begun.set_value();
        release_.get_future().wait();
        return transaction.AppendEvent(JobId("none"), absl::UnixEpoch(), "BLOCKED", "");
      }));
    });
    begun.get_future().wait();
  }

  // Returns when the change is in the store's queue.
  void Add(Change change) {
    statuses_.emplace_back();
    threads_.emplace_back(
        [this, change = std::move(change), status = &statuses_.back()] { *status = store_.Write(change); });
    while (store_.statistics().waiting < static_cast<std::int64_t>(threads_.size())) std::this_thread::yield();
  }

  // In the order of Add.
  std::vector<absl::Status> ReleaseAndJoin() {
    release_.set_value();
    blocking_.join();
    for (std::thread& thread : threads_) thread.join();
    return {statuses_.begin(), statuses_.end()};
  }

 private:
  Store& store_;
  std::promise<void> release_;
  std::thread blocking_;
  std::vector<std::thread> threads_;
  std::deque<absl::Status> statuses_;  // elements stay where they are
};

}  // namespace amaes
