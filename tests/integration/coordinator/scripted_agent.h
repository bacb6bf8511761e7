// An agent on the wire: says what a test tells it to, remembers what it is told.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "libs/base/mutex.h"
#include "libs/rpc/client.h"
#include "libs/worker_protocol/messages.h"
#include "proto/amaes/v1/agents.grpc.pb.h"

namespace amaes {

class ScriptedAgent {
 public:
  ScriptedAgent(const std::string& address, const std::string& name, int slots, const std::string& incarnation = "i1")
      : stub_(v1::AgentService::NewStub(MakeChannel(address))), name_(name) {
    stream_ = stub_->Attach(&context_);
    v1::AgentMessage message;
    v1::Node* node = message.mutable_register_()->mutable_node();
    node->set_name(name);
    node->set_incarnation(incarnation);
    node->set_address("127.0.0.1");
    for (int i = 0; i < slots; ++i) {
      node->add_slots()->set_index(i);
      node->mutable_slots(i)->set_device("cpu");
    }
    first_written_ = stream_->Write(message);
    reader_ = std::thread([this] {
      v1::AgentCommand command;
      while (stream_->Read(&command)) {
        MutexLock lock(mutex_);
        commands_.push_back(std::move(command));
        changed_.NotifyAll();
      }
      const grpc::Status status = stream_->Finish();
      MutexLock lock(mutex_);
      ended_ = true;
      end_ = FromGrpcStatus(status);
      changed_.NotifyAll();
    });
  }

  ~ScriptedAgent() {
    context_.TryCancel();
    reader_.join();
  }

  // The next command that `wanted` accepts, from those not asked for yet. A minute is for a test that fails.
  v1::AgentCommand Wait(const std::function<bool(const v1::AgentCommand&)>& wanted) {
    MutexLock lock(mutex_);
    const absl::Duration end = SystemClock().Monotonic() + absl::Minutes(1);
    while (SystemClock().Monotonic() < end) {
      for (auto command = commands_.begin(); command != commands_.end(); ++command) {
        if (!wanted(*command)) continue;
        v1::AgentCommand found = std::move(*command);
        commands_.erase(command);
        return found;
      }
      if (ended_) break;
      changed_.WaitFor(mutex_, absl::Seconds(1));
    }
    ADD_FAILURE() << "the command did not come";
    return {};
  }
  v1::StartWorker WaitForStart() {
    return Wait([](const v1::AgentCommand& command) { return command.has_start(); }).start();
  }
  void WaitForAcknowledgement(std::int64_t sequence) {
    Wait([&](const v1::AgentCommand& c) { return c.has_acknowledge() && c.acknowledge().sequence() == sequence; });
  }
  absl::Status WaitForEnd() {
    MutexLock lock(mutex_);
    const absl::Duration end = SystemClock().Monotonic() + absl::Minutes(1);
    while (!ended_ && SystemClock().Monotonic() < end) changed_.WaitFor(mutex_, absl::Seconds(1));
    EXPECT_TRUE(ended_);
    return end_;
  }

  // Written from one thread. Returns the sequence number.
  std::int64_t Report(const v1::StartWorker& worker, const WorkerReport& report) {
    v1::AgentMessage message;
    v1::WorkerReportEnvelope* envelope = message.mutable_report();
    Name(worker, envelope);
    envelope->set_report(EncodeReport(report));
    envelope->set_sequence(++sequence_);
    stream_->Write(message);
    return sequence_;
  }
  std::int64_t Exit(const v1::StartWorker& worker, const std::string& cause, const std::string& text = "") {
    v1::AgentMessage message;
    v1::WorkerExit* exit = message.mutable_exit();
    Name(worker, exit);
    exit->set_cause(cause);
    exit->set_message(text);
    exit->set_retryable(true);
    exit->set_sequence(++sequence_);
    stream_->Write(message);
    return sequence_;
  }
  void Heartbeat() {
    v1::AgentMessage message;
    message.mutable_heartbeat();
    stream_->Write(message);
  }
  void CloseOrderly() { stream_->WritesDone(); }

 private:
  template <typename Message>
  static void Name(const v1::StartWorker& worker, Message* out) {
    out->set_job(worker.job());
    out->set_attempt(worker.attempt());
    out->set_rank(worker.rank());
  }

  grpc::ClientContext context_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  std::string name_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::AgentCommand>> stream_;
  bool first_written_ = false;
  std::int64_t sequence_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::deque<v1::AgentCommand> commands_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;
};

}  // namespace amaes
