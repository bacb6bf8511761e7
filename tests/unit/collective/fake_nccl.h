// A stand-in for NCCL and the CUDA runtime: ranks are threads, streams are lists, and memory is the host's.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collective/buffers.h"
#include "libs/collective/nccl_communicator.h"

namespace amaes {

// Time passes when a test says so.
class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return absl::UnixEpoch() + Monotonic(); }
  absl::Duration Monotonic() override {
    MutexLock lock(mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(mutex_);
    now_ += by;
  }

 private:
  Mutex mutex_;
  absl::Duration now_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

// All ranks of one gang. Thread-safe. What a test may change while ranks run is behind a function.
class FakeNccl {
 public:
  explicit FakeNccl(int world_size) : ranks_(world_size) {
    for (int rank = 0; rank < world_size; ++rank) ranks_[rank].number = rank;
  }

  NcclApi ApiOf(int rank) {
    NcclApi api;
    Rank& me = ranks_[rank];
    api.enter_thread = [] { return absl::OkStatus(); };
    api.make_id = []() -> absl::StatusOr<NcclId> {
      NcclId id;
      id.fill('i');
      return id;
    };
    api.init = [this, &me](int, const NcclId& id, int) -> absl::StatusOr<NcclComm> {
      MutexLock lock(mutex_);
      Note(me, id[127] == 'i' ? "init" : "init with a wrong id");
      me.joined = true;
      return &me;
    };
    api.ready = [this, &me](NcclComm comm) -> absl::StatusOr<bool> {
      MutexLock lock(mutex_);
      Check(me, comm);
      if (!me.asynchronous_error.ok()) return me.asynchronous_error;
      bool all = !me.in_progress;
      for (const Rank& other : ranks_) all = all && other.joined;
      return all;
    };
    api.all_reduce_sum = [this, &me](NcclComm comm, const Buffer& buffer, GpuStream) {
      return Launch(me, comm, buffer, -1);
    };
    api.broadcast = [this, &me](NcclComm comm, const Buffer& buffer, int root, GpuStream) {
      return Launch(me, comm, buffer, root);
    };
    for (const auto& [function, name] : {std::pair(&api.finalize, "finalize"), std::pair(&api.destroy, "destroy")}) {
      *function = [this, &me, name = std::string(name)](NcclComm comm) {
        MutexLock lock(mutex_);
        Check(me, comm);
        Note(me, name);
        return absl::OkStatus();
      };
    }
    api.abort = [this, &me](NcclComm) {
      MutexLock lock(mutex_);
      Note(me, "abort");
      me.aborted = true;  // ends the kernels that wait
      changed_.NotifyAll();
      while (me.abort_blocks) changed_.Wait(mutex_);
      Note(me, "abort done");
      return absl::OkStatus();
    };
    FillStreams(api, me);
    return api;
  }

  // What `rank` called, in order.
  std::vector<std::string> Calls(int rank) {
    MutexLock lock(mutex_);
    return ranks_[rank].calls;
  }
  void WaitForCall(int rank, const std::string& call) {
    MutexLock lock(mutex_);
    while (!Contains(ranks_[rank].calls, call)) changed_.Wait(mutex_);
  }
  void FailAsynchronously(int rank, absl::Status error) {
    MutexLock lock(mutex_);
    ranks_[rank].asynchronous_error = std::move(error);
  }
  void FailLaunches(int rank, absl::Status error) {
    MutexLock lock(mutex_);
    ranks_[rank].launch_error = std::move(error);
  }
  void SetComputeBusy(int rank, bool busy) {
    MutexLock lock(mutex_);
    ranks_[rank].compute_busy = busy;
  }
  void SetInProgress(int rank, bool in_progress) {
    MutexLock lock(mutex_);
    ranks_[rank].in_progress = in_progress;
  }
  void SetAbortBlocks(int rank, bool blocks) {
    MutexLock lock(mutex_);
    ranks_[rank].abort_blocks = blocks;
    changed_.NotifyAll();
  }
  int LiveEventsAndStreams() {
    MutexLock lock(mutex_);
    return static_cast<int>(live_.size());
  }

 private:
  struct Launched {
    Buffer buffer;
    int root;
  };
  struct Event {
    std::size_t after = 0;    // done when this many collectives of its rank are
    bool on_compute = false;  // done when the compute stream is not busy
  };
  struct Rank {
    int number = 0;
    bool joined = false, in_progress = false, aborted = false, abort_blocks = false, compute_busy = false;
    bool comm_waits_for_compute = false;
    absl::Status asynchronous_error, launch_error;
    std::vector<Launched> launched;
    std::vector<std::string> calls;
    int compute = 0, communication = 0;  // their addresses are the streams
  };

  static bool Contains(const std::vector<std::string>& calls, const std::string& call) {
    for (const std::string& one : calls) {
      if (one == call) return true;
    }
    return false;
  }

  void Note(Rank& me, std::string call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    me.calls.push_back(std::move(call));
    changed_.NotifyAll();
  }
  void Check(Rank& me, NcclComm comm) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (comm != &me || me.aborted) Note(me, "USE AFTER ABORT");
  }

  absl::Status Launch(Rank& me, NcclComm comm, const Buffer& buffer, int root) {
    MutexLock lock(mutex_);
    Check(me, comm);
    Note(me, root < 0 ? "all-reduce" : "broadcast");
    if (!me.launch_error.ok()) return me.launch_error;
    me.launched.push_back({buffer, root});
    const std::size_t index = me.launched.size() - 1;
    std::vector<const void*> inputs;
    for (const Rank& rank : ranks_) {
      if (rank.launched.size() <= index) return absl::OkStatus();
      inputs.push_back(rank.launched[index].buffer.data);
    }
    void* result = root < 0 ? buffer.data : const_cast<void*>(inputs[root]);
    if (root < 0) SumInRankOrder(inputs.data(), static_cast<int>(inputs.size()), result, buffer.count, buffer.type);
    for (const void* data : inputs) {
      if (data != result) std::memcpy(const_cast<void*>(data), result, buffer.count * BytesPerElement(buffer.type));
    }
    completed_ = index + 1;
    return absl::OkStatus();
  }

  void FillStreams(NcclApi& api, Rank& me) {
    api.compute_stream = [&me] { return &me.compute; };
    api.make_stream = [this, &me]() -> absl::StatusOr<GpuStream> {
      MutexLock lock(mutex_);
      live_.insert(&me.communication);
      return &me.communication;
    };
    api.free_stream = [this](GpuStream stream) {
      MutexLock lock(mutex_);
      live_.erase(stream);
    };
    api.make_event = [this]() -> absl::StatusOr<GpuEvent> {
      MutexLock lock(mutex_);
      auto event = std::make_unique<Event>();
      GpuEvent handle = event.get();
      events_[handle] = std::move(event);
      live_.insert(handle);
      return handle;
    };
    api.free_event = [this](GpuEvent event) {
      MutexLock lock(mutex_);
      live_.erase(event);
    };
    api.record = [this, &me](GpuEvent event, GpuStream stream) {
      MutexLock lock(mutex_);
      const bool compute = stream == &me.compute;
      Note(me, compute ? "record on compute" : "record");
      *events_[event] = {me.launched.size(), compute || me.comm_waits_for_compute};
      return absl::OkStatus();
    };
    api.wait_for = [this, &me](GpuStream stream, GpuEvent) {
      MutexLock lock(mutex_);
      const bool compute = stream == &me.compute;
      if (!compute) me.comm_waits_for_compute = true;
      Note(me, compute ? "compute waits" : "wait for compute");
      return absl::OkStatus();
    };
    api.done = [this, &me](GpuEvent event) -> absl::StatusOr<bool> {
      MutexLock lock(mutex_);
      const Event& recorded = *events_[event];
      return me.aborted || (completed_ >= recorded.after && !(recorded.on_compute && me.compute_busy));
    };
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<Rank> ranks_;
  std::size_t completed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<GpuEvent, std::unique_ptr<Event>> events_ ABSL_GUARDED_BY(mutex_);
  std::set<void*> live_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
