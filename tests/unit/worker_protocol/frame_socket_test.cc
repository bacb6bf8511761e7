#include <thread>
#include <vector>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/worker_protocol/channel.h"
#include "tests/unit/worker_protocol/socket_pair.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

class FrameSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const auto ends, MakeSocketPair());
    socket_ = std::make_unique<FrameSocket>(ends.first);
    peer_ = std::make_unique<RawPeer>(ends.second);
  }
  std::unique_ptr<FrameSocket> socket_;
  std::unique_ptr<RawPeer> peer_;
};

TEST(FrameSocketPairTest, CarriesMessagesOfEverySizeInOrder) {
  ASSERT_OK_AND_ASSIGN(const auto ends, MakeSocketPair());
  FrameSocket a(ends.first), b(ends.second);
  const std::vector<std::size_t> sizes = {0, 1, 3, 4, 5, 65535, 65536, (256u << 10) + 1, kMaxWorkerMessageBytes};
  std::thread sender([&] {
    for (std::size_t size : sizes) EXPECT_OK(a.Send(std::string(size, static_cast<char>('a' + size % 26))));
    a.Shutdown();
  });
  for (std::size_t size : sizes) {
    ASSERT_OK_AND_ASSIGN(const std::string message, b.Receive());
    EXPECT_TRUE(message == std::string(size, static_cast<char>('a' + size % 26))) << size;
  }
  EXPECT_THAT(b.Receive(), StatusIs(absl::StatusCode::kOutOfRange));
  sender.join();
}

TEST(FrameSocketPairTest, ManySendersDoNotMixTheirFrames) {
  ASSERT_OK_AND_ASSIGN(const auto ends, MakeSocketPair());
  FrameSocket a(ends.first), b(ends.second);
  constexpr int kSenders = 4, kEach = 50;
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&a, s] {
      for (int i = 0; i < kEach; ++i) EXPECT_OK(a.Send(std::string(20'000, static_cast<char>('A' + s))));
    });
  }
  std::vector<int> seen(kSenders, 0);
  for (int i = 0; i < kSenders * kEach; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string message, b.Receive());
    ASSERT_EQ(message, std::string(20'000, message[0]));
    ++seen[static_cast<std::size_t>(message[0] - 'A')];
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(seen, std::vector<int>(kSenders, kEach));
}

TEST_F(FrameSocketTest, RefusesToSendWhatIsTooLong) {
  EXPECT_THAT(socket_->Send(std::string(kMaxWorkerMessageBytes + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("16777217")));
}

TEST_F(FrameSocketTest, LargestLengthIsDataLossAndTakesNoMemory) {
  ASSERT_TRUE(peer_->Write(LengthPrefix(0xFFFFFFFFu)));
  EXPECT_THAT(socket_->Receive(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("4294967295")));
}

TEST_F(FrameSocketTest, OneByteOverTheLimitIsDataLoss) {
  ASSERT_TRUE(peer_->Write(LengthPrefix(kMaxWorkerMessageBytes + 1)));
  EXPECT_THAT(socket_->Receive(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(FrameSocketTest, EveryTruncationIsDataLossAndNoByteIsAnOrderlyEnd) {
  const std::string frame = LengthPrefix(5) + "hello";
  for (std::size_t kept = 0; kept <= frame.size(); ++kept) {
    SetUp();
    ASSERT_TRUE(peer_->Write(frame.substr(0, kept)));
    peer_->Close();
    const absl::StatusOr<std::string> got = socket_->Receive();
    if (kept == frame.size()) {
      ASSERT_OK(got);
      EXPECT_EQ(*got, "hello");
    } else {
      EXPECT_THAT(got, StatusIs(kept == 0 ? absl::StatusCode::kOutOfRange : absl::StatusCode::kDataLoss)) << kept;
    }
  }
}

TEST_F(FrameSocketTest, EndlessNoiseNeverGivesMoreThanTheLimit) {
  std::thread noise([this] {
    RandomStream random(1, Purpose::kPhantom, 0);
    std::string block(1 << 16, '\0');
    for (char& c : block) c = static_cast<char>(random.NextUint32());
    while (peer_->Write(block)) {
    }
  });
  while (true) {
    const absl::StatusOr<std::string> got = socket_->Receive();
    if (!got.ok()) {
      EXPECT_THAT(got, StatusIs(absl::StatusCode::kDataLoss));
      break;
    }
    EXPECT_LE(got->size(), kMaxWorkerMessageBytes);
  }
  socket_->Shutdown();
  noise.join();
}

TEST_F(FrameSocketTest, SendToAPeerThatIsGoneIsUnavailable) {
  peer_->Close();
  EXPECT_THAT(socket_->Send("x"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(FrameSocketTest, ShutdownEndsABlockedReceive) {
  std::thread receiver([this] { EXPECT_THAT(socket_->Receive(), StatusIs(absl::StatusCode::kOutOfRange)); });
  socket_->Shutdown();
  receiver.join();
}

TEST_F(FrameSocketTest, ShutdownEndsASendThatThePeerBlocks) {
  std::thread sender([this] {
    EXPECT_THAT(socket_->Send(std::string(kMaxWorkerMessageBytes, 'x')), StatusIs(absl::StatusCode::kUnavailable));
  });
  socket_->Shutdown();
  sender.join();
}

}  // namespace
}  // namespace amaes
