// Both ends of a worker socket, as descriptors that the test may close one by one.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "libs/worker_protocol/channel.h"

namespace amaes {

// The peer of the object under test, without framing: writes and reads what it is told to.
class RawPeer {
 public:
  explicit RawPeer(int descriptor) : descriptor_(descriptor) {}
  ~RawPeer() { Close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // False once the other end is gone.
  bool Write(const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = send(descriptor_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (n < 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
};

inline std::string LengthPrefix(std::uint32_t size) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(size >> (8 * i) & 0xff));
  return out;
}

}  // namespace amaes
