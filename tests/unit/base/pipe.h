// A pipe whose reading end is waited for with a deadline that can only fail.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <string>

#include "libs/base/log.h"

namespace amaes {

class Pipe {
 public:
  Pipe() { AMAES_CHECK(pipe2(ends_, O_CLOEXEC) == 0); }
  ~Pipe() {
    close(ends_[0]);
    CloseWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int writer() const { return ends_[1]; }
  void CloseWriter() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  // Everything until every writer, here and in the children, has closed its end; "…(still open)" after 60 s.
  std::string ReadAll() { return ReadUntil('\0'); }
  std::string ReadLine() { return ReadUntil('\n'); }

 private:
  std::string ReadUntil(char last) {
    std::string text;
    while (true) {
      pollfd ready{ends_[0], POLLIN, 0};
      if (poll(&ready, 1, 60'000) <= 0) return text + "…(still open)";
      char c = 0;
      if (read(ends_[0], &c, 1) != 1) return text;
      text.push_back(c);
      if (c == last) return text;
    }
  }

  int ends_[2] = {-1, -1};
};

}  // namespace amaes
