#include "services/agent/coordinator_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/rpc/client.h"
#include "libs/rpc/errors.h"
#include "proto/amaes/v1/agents.grpc.pb.h"

namespace amaes {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

class GrpcLink final : public CoordinatorLink {
 public:
  GrpcLink(const std::string& address, Callbacks callbacks)
      : stub_(v1::AgentService::NewStub(MakeChannel(address))), callbacks_(std::move(callbacks)) {
    thread_ = std::thread([this] { Dial(); });
  }

  ~GrpcLink() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

  void Send(v1::AgentMessage message) override {
    MutexLock lock(mutex_);
    if (!attached_ || !resumed_) return;
    queue_.push_back(std::move(message));
    changed_.NotifyAll();
  }

  void Resume() override {
    MutexLock lock(mutex_);
    resumed_ = attached_;
  }

 private:
  using Stream = grpc::ClientReaderWriter<v1::AgentMessage, v1::AgentCommand>;

  void Dial() {
    absl::Duration pause = kFirstPause;
    while (true) {
      const auto [status, heard] = RunStream();
      {
        MutexLock lock(mutex_);
        if (stopping_) return;
      }
      callbacks_.on_disconnected(status);
      if (absl::IsAborted(status)) return;
      pause = heard ? kFirstPause : std::min(pause * 2, kLongestPause);
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, pause);
      if (stopping_) return;
    }
  }

  // One stream from open to end; and whether the coordinator said anything on it.
  std::pair<absl::Status, bool> RunStream() {
    grpc::ClientContext context;
    const std::unique_ptr<Stream> stream = stub_->Attach(&context);
    bool heard = false;
    if (stream->Write(callbacks_.on_connected())) {
      {
        MutexLock lock(mutex_);
        queue_.clear();
        attached_ = true;
        resumed_ = false;
      }
      std::thread writer([&] { WriteQueue(*stream, context); });
      v1::AgentCommand command;
      while (stream->Read(&command)) {
        heard = true;
        callbacks_.on_command(std::move(command));
      }
      {
        MutexLock lock(mutex_);
        attached_ = false;
        changed_.NotifyAll();
      }
      writer.join();
    }
    return {FromGrpcStatus(stream->Finish()), heard};
  }

  void WriteQueue(Stream& stream, grpc::ClientContext& context) {
    while (true) {
      v1::AgentMessage message;
      {
        MutexLock lock(mutex_);
        while (attached_ && queue_.empty() && !stopping_) changed_.Wait(mutex_);
        if (!attached_) return;
        if (queue_.empty()) break;  // stopping, and everything is sent
        message = std::move(queue_.front());
        queue_.pop_front();
      }
      if (!stream.Write(message)) return;
    }
    stream.WritesDone();
    // A coordinator that does not close its side must not hold the agent up.
    MutexLock lock(mutex_);
    if (attached_) changed_.WaitFor(mutex_, absl::Seconds(1));
    if (attached_) context.TryCancel();
  }

  std::unique_ptr<v1::AgentService::Stub> stub_;
  Callbacks callbacks_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool attached_ ABSL_GUARDED_BY(mutex_) = false;
  bool resumed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<v1::AgentMessage> queue_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace

std::unique_ptr<CoordinatorLink> CoordinatorLink::Create(const std::string& address, Callbacks callbacks) {
  return std::make_unique<GrpcLink>(address, std::move(callbacks));
}

}  // namespace amaes
