#include "services/agent/coordinator_link.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "proto/amaes/v1/agents.grpc.pb.h"

namespace amaes {
namespace {

using testing::ElementsAre;

// A coordinator that notes what arrives, answers Register, and can end the stream.
class NotingCoordinator final : public v1::AgentService::Service {
 public:
  grpc::Status Attach(grpc::ServerContext*,
                      grpc::ServerReaderWriter<v1::AgentCommand, v1::AgentMessage>* stream) override {
    v1::AgentMessage message;
    while (stream->Read(&message)) {
      if (message.has_register_()) {
        v1::AgentCommand command;
        command.mutable_registered();
        stream->Write(command);
      }
      MutexLock lock(mutex_);
      heard_.push_back(message.has_register_() ? "register" : message.exit().message());
      changed_.NotifyAll();
      if (message.exit().message() == "hang up") return grpc::Status(grpc::StatusCode::UNAVAILABLE, "bye");
    }
    return grpc::Status::OK;
  }

  // Waits until `count` messages have come in all.
  std::vector<std::string> Heard(std::size_t count) {
    MutexLock lock(mutex_);
    while (heard_.size() < count) {
      if (!changed_.WaitFor(mutex_, absl::Seconds(30))) break;
    }
    return heard_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> heard_ ABSL_GUARDED_BY(mutex_);
};

v1::AgentMessage Exit(const std::string& text) {
  v1::AgentMessage message;
  message.mutable_exit()->set_message(text);
  return message;
}

// What is said before the kept messages are said again would overtake them: an acknowledgement of it would then speak
// for messages that never arrived.
TEST(CoordinatorLinkTest, SaysNothingOnANewStreamBeforeItIsResumed) {
  NotingCoordinator coordinator;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&coordinator);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);

  Mutex mutex;
  CondVar changed;
  int registered = 0;
  const auto wait_for = [&](int count) {
    MutexLock lock(mutex);
    while (registered < count) {
      if (!changed.WaitFor(mutex, absl::Seconds(30))) return false;
    }
    return true;
  };
  const auto link =
      CoordinatorLink::Create(absl::StrCat("127.0.0.1:", port), {.on_connected =
                                                                     [] {
                                                                       v1::AgentMessage message;
                                                                       message.mutable_register_();
                                                                       return message;
                                                                     },
                                                                 .on_command =
                                                                     [&](const v1::AgentCommand&) {
                                                                       MutexLock lock(mutex);
                                                                       ++registered;
                                                                       changed.NotifyAll();
                                                                     },
                                                                 .on_disconnected = [](const absl::Status&) {}});
  ASSERT_TRUE(wait_for(1));
  link->Send(Exit("overtakes on the first stream"));
  link->Resume();
  link->Send(Exit("kept"));
  link->Send(Exit("hang up"));
  ASSERT_TRUE(wait_for(2));
  link->Send(Exit("overtakes on the second stream"));
  link->Resume();
  link->Send(Exit("kept"));
  link->Send(Exit("new"));
  EXPECT_THAT(coordinator.Heard(6), ElementsAre("register", "kept", "hang up", "register", "kept", "new"));
}

}  // namespace
}  // namespace amaes
