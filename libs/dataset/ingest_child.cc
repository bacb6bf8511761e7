// The child of an ingest: one request in, one answer out.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libs/base/fault.h"
#include "libs/base/log.h"
#include "libs/dataset/ingest.h"
#include "libs/dataset/ingest_process.h"

namespace amaes {
namespace {

// Everything up to the end of standard input.
std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

bool WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int RunIngestChild() {
  // Libraries that print must not write between our lines.
  const int answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (answers < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) return 3;
  const absl::StatusOr<ReadRequest> request = ParseRequest(ReadAll(STDIN_FILENO));
  if (!request.ok()) {
    LogError("ingest", "a request that cannot be read", {{"problem", request.status().message()}});
    return 2;
  }
  FaultPoint("ingest_read", {.step = request->index});
  return WriteAll(answers, absl::StrCat(AnswerJson(ProcessScan(*request)), "\n")) ? 0 : 3;
}

}  // namespace amaes
