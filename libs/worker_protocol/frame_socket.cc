#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {
namespace {

constexpr std::size_t kLengthBytes = 4;
// How much is asked for at once while a frame arrives.
constexpr std::size_t kReadBytes = 256u << 10;

// Reads `size` bytes unless the stream ends first; returns how many came.
absl::StatusOr<std::size_t> ReadFully(int descriptor, char* data, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = recv(descriptor, data + done, size - done, 0);
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      return absl::UnavailableError(absl::StrCat("cannot receive from the worker socket: ", strerror(errno)));
    }
    done += static_cast<std::size_t>(n);
  }
  return done;
}

absl::Status WriteFully(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    // No SIGPIPE: a peer that is gone is an error like any other.
    const ssize_t n = send(descriptor, data, size, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return absl::UnavailableError(absl::StrCat("cannot send on the worker socket: ", strerror(errno)));
    }
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status TooLong(std::size_t size, absl::StatusCode code) {
  return absl::Status(code, absl::StrCat("a message of ", size, " bytes is longer than the worker socket carries (",
                                         kMaxWorkerMessageBytes, ")"));
}

absl::Status CutOff(std::size_t got, std::size_t expected) {
  return absl::DataLossError(
      absl::StrCat("the worker socket ended inside a frame, after ", got, " of ", expected, " bytes"));
}

}  // namespace

absl::StatusOr<std::pair<int, int>> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot make a socket pair: ", strerror(errno)));
  }
  return std::make_pair(ends[0], ends[1]);
}

FrameSocket::~FrameSocket() { close(descriptor_); }

absl::Status FrameSocket::Send(const std::string& message) {
  if (message.size() > kMaxWorkerMessageBytes) return TooLong(message.size(), absl::StatusCode::kInvalidArgument);
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string frame;
  frame.reserve(kLengthBytes + message.size());
  for (std::size_t i = 0; i < kLengthBytes; ++i) frame.push_back(static_cast<char>(size >> (8 * i) & 0xff));
  frame.append(message);
  MutexLock lock(send_mutex_);
  return WriteFully(descriptor_, frame.data(), frame.size());
}

absl::StatusOr<std::string> FrameSocket::Receive() {
  std::array<char, kLengthBytes> header;
  absl::StatusOr<std::size_t> got = ReadFully(descriptor_, header.data(), header.size());
  if (!got.ok()) return got.status();
  if (*got == 0) return absl::OutOfRangeError("the peer closed the worker socket");
  if (*got < header.size()) return CutOff(*got, header.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) size |= std::size_t{static_cast<unsigned char>(header[i])} << (8 * i);
  if (size > kMaxWorkerMessageBytes) return TooLong(size, absl::StatusCode::kDataLoss);
  std::string message;
  while (message.size() < size) {
    const std::size_t before = message.size();
    message.resize(std::min(size, before + kReadBytes));
    got = ReadFully(descriptor_, message.data() + before, message.size() - before);
    if (!got.ok()) return got.status();
    if (before + *got < message.size()) return CutOff(before + *got, size);
  }
  return message;
}

void FrameSocket::Shutdown() { shutdown(descriptor_, SHUT_RDWR); }

}  // namespace amaes
