// How Gloo communicators find each other.
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "libs/collective/make_communicator.h"
#include "tests/unit/collective/memory_store.h"

// libgloo forgets to free the address that it cannot bind.
extern "C" const char* __lsan_default_suppressions() { return "leak:gloo::transport::tcp::CreateDeviceAttr"; }

namespace amaes {
namespace {

CommunicatorOptions Options(int rank, int world_size) {
  CommunicatorOptions options;
  options.rank = rank;
  options.world_size = world_size;
  options.bind_address = "127.0.0.1";
  return options;
}

TEST(GlooStartTest, MissingRankTimesOutAndIsNamed) {
  MemoryStore store;
  CommunicatorOptions options = Options(0, 3);
  options.start_timeout = absl::Milliseconds(50);
  const auto made = MakeGlooCommunicator(options, store);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kDeadlineExceeded) << made.status();
  EXPECT_TRUE(absl::StrContains(made.status().message(), "rank 1")) << made.status();
}

TEST(GlooStartTest, AttemptsNeverMeet) {
  MemoryStore store;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&store, rank] {
      CommunicatorOptions options = Options(rank, 2);
      options.attempt = 7 + rank;
      options.start_timeout = absl::Milliseconds(100);
      EXPECT_EQ(MakeGlooCommunicator(options, store).status().code(), absl::StatusCode::kDeadlineExceeded);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& [key, value] : store.values()) EXPECT_TRUE(absl::StartsWith(key, "attempt/")) << key;
}

TEST(GlooStartTest, EndOfTheAttemptIsPassedOn) {
  MemoryStore store;
  store.EndAttempt();
  EXPECT_EQ(MakeGlooCommunicator(Options(0, 2), store).status().code(), absl::StatusCode::kAborted);
}

TEST(GlooStartTest, PublishesTheBindAddress) {
  MemoryStore store;
  CommunicatorOptions options = Options(0, 2);
  options.bind_address = "127.0.0.5";
  options.start_timeout = absl::Milliseconds(1);
  EXPECT_FALSE(MakeGlooCommunicator(options, store).ok());
  ASSERT_EQ(store.values().size(), 1u);
  const std::string address("\x7f\x00\x00\x05", 4);
  EXPECT_TRUE(absl::StrContains(store.values().begin()->second, address));
}

TEST(GlooStartTest, RefusesAddressesThatPeersCannotDial) {
  MemoryStore store;
  for (const char* address : {"", "0.0.0.0", "::"}) {
    CommunicatorOptions options = Options(0, 2);
    options.bind_address = address;
    EXPECT_EQ(MakeGlooCommunicator(options, store).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
  CommunicatorOptions options = Options(0, 2);
  options.bind_address = "203.0.113.77";  // reserved for documentation: no interface has it
  EXPECT_EQ(MakeGlooCommunicator(options, store).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(store.values().empty());
}

TEST(GlooStartTest, RefusesBadOptions) {
  MemoryStore store;
  EXPECT_EQ(MakeGlooCommunicator(Options(2, 2), store).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeGlooCommunicator(Options(0, 0), store).status().code(), absl::StatusCode::kInvalidArgument);
  CommunicatorOptions options = Options(0, 1);
  options.collective_timeout = absl::ZeroDuration();
  EXPECT_EQ(MakeGlooCommunicator(options, store).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GlooStartTest, MissingModuleIsNotFoundAndSaysWhere) {
  MemoryStore store;
  ASSERT_EQ(setenv("AMAES_MODULE_DIR", "/nowhere/at/all", 1), 0);
  const auto made = MakeGlooCommunicator(Options(0, 1), store);
  ASSERT_EQ(unsetenv("AMAES_MODULE_DIR"), 0);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(made.status().message(), "/nowhere/at/all")) << made.status();
}

}  // namespace
}  // namespace amaes
