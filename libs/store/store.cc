#include "libs/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/store/connection.h"
#include "libs/store/schema.h"
#include "libs/store/transaction.h"

namespace amaes {
namespace {

using store::Connection;

// Changes that share a commit at most: bounds how long the first of them waits.
constexpr std::size_t kMaxGroup = 256;

// An exclusive lock that ends with the process, whatever ends it.
class FileLock {
 public:
  FileLock() = default;
  ~FileLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // - FailedPrecondition: somebody else holds it.
  absl::Status Take(const std::filesystem::path& path) {
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) return files::ErrnoStatus(errno, "cannot open the lock file", path);
    if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
    if (errno != EWOULDBLOCK) return files::ErrnoStatus(errno, "cannot lock", path);
    return absl::FailedPreconditionError(
        absl::StrCat("another coordinator has this store open (it holds ", path.string(), "); stop it first"));
  }

 private:
  int descriptor_ = -1;
};

// One call of Write while it waits; lives on the caller's stack.
struct PendingChange {
  const std::function<absl::Status(StoreTransaction&)>* change;
  absl::Status status{};
  bool done = false;
};

class SqliteStore final : public store::ReaderOn<Store> {
 public:
  SqliteStore(std::unique_ptr<FileLock> lock, std::unique_ptr<Connection> writing, std::unique_ptr<Connection> reading)
      : lock_(std::move(lock)),
        writing_(std::move(writing)),
        reading_(std::move(reading)),
        writer_([this] { WriteAll(); }) {}

  ~SqliteStore() override {
    {
      MutexLock lock(mutex_);
      closing_ = true;
      changed_.NotifyAll();
    }
    writer_.join();
  }

  absl::Status Write(std::function<absl::Status(StoreTransaction&)> change) override;
  Statistics statistics() const override {
    MutexLock lock(mutex_);
    Statistics statistics = statistics_;
    statistics.waiting = static_cast<std::int64_t>(queue_.size());
    return statistics;
  }

 private:
  store::Lease Borrow() override {
    return {.connection = *reading_, .lock = std::make_unique<MutexLock>(reading_mutex_)};
  }
  void WriteAll();
  void CommitGroup(const std::vector<PendingChange*>& group);
  absl::Status RunChange(PendingChange& pending);

  // In this order: the lock goes last.
  const std::unique_ptr<FileLock> lock_;
  const std::unique_ptr<Connection> writing_;  // of the writer thread
  const std::unique_ptr<Connection> reading_;
  Mutex reading_mutex_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<PendingChange*> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  Statistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::thread writer_;
};

absl::Status SqliteStore::Write(std::function<absl::Status(StoreTransaction&)> change) {
  AMAES_CHECK(std::this_thread::get_id() != writer_.get_id());
  PendingChange pending{.change = &change};
  MutexLock lock(mutex_);
  queue_.push_back(&pending);
  changed_.NotifyAll();
  while (!pending.done) changed_.Wait(mutex_);
  return pending.status;
}

void SqliteStore::WriteAll() {
  while (true) {
    std::vector<PendingChange*> group;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !closing_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      while (!queue_.empty() && group.size() < kMaxGroup) {
        group.push_back(queue_.front());
        queue_.pop_front();
      }
    }
    CommitGroup(group);
    MutexLock lock(mutex_);
    for (PendingChange* pending : group) pending->done = true;
    changed_.NotifyAll();
  }
}

void SqliteStore::CommitGroup(const std::vector<PendingChange*>& group) {
  std::int64_t kept = 0;
  absl::Status failure;  // of the whole group
  if (writing_->FlushFailed()) {
    failure = absl::UnavailableError(
        "store: a flush to the disk failed before, so what it holds is not known; check the "
        "disk and start the coordinator again");
  } else {
    failure = writing_->Execute("BEGIN IMMEDIATE");
  }
  for (PendingChange* pending : group) {
    if (!failure.ok()) break;
    pending->status = RunChange(*pending);
    kept += pending->status.ok();
    // A failing disk takes the whole transaction back at once.
    if (!writing_->InTransaction()) {
      failure = pending->status.ok() ? absl::InternalError("store: a change ended the transaction") : pending->status;
    }
  }
  const absl::Duration begin = SystemClock().Monotonic();
  FaultPoint("store_before_commit", {});
  if (failure.ok() && kept > 0) failure = writing_->Execute("COMMIT");
  FaultPoint("store_after_commit", {});
  if (writing_->InTransaction()) writing_->Execute("ROLLBACK").IgnoreError();
  const absl::Duration end = SystemClock().Monotonic();
  if (!failure.ok()) {
    LogError("store", "commit failed", {{"changes", group.size()}, {"reason", failure.message()}});
    for (PendingChange* pending : group) {
      if (pending->status.ok()) pending->status = failure;
    }
    return;
  }
  MutexLock lock(mutex_);
  statistics_.commits += kept > 0;
  statistics_.changes += kept;
  if (kept > 0) statistics_.last_commit_seconds = absl::ToDoubleSeconds(end - begin);
}

absl::Status SqliteStore::RunChange(PendingChange& pending) {
  AMAES_RETURN_IF_ERROR(writing_->Execute("SAVEPOINT change"));
  store::Transaction transaction(*writing_);
  const absl::Status status = (*pending.change)(transaction);
  if (!writing_->InTransaction()) return status;
  const absl::Status closed = writing_->Execute(status.ok() ? "RELEASE change" : "ROLLBACK TO change; RELEASE change");
  if (closed.ok()) return status;
  // Parts of a refused change could stay behind: give the whole group up.
  writing_->Execute("ROLLBACK").IgnoreError();
  return closed;
}

absl::Status UseWal(Connection& connection, const std::filesystem::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::string mode, connection.Value("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " cannot use WAL (journal mode ", mode, "); put the store on a local disk"));
  }
  // FULL: an acknowledged change survives a power cut. The limit gives the disk back after a burst.
  return connection.Execute("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  auto lock = std::make_unique<FileLock>();
  AMAES_RETURN_IF_ERROR(lock->Take(std::filesystem::path(path).replace_extension(".lock")));
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<Connection> writing, Connection::Open(path, /*read_only=*/false));
  AMAES_RETURN_IF_ERROR(store::CheckAndMigrate(*writing, path));
  AMAES_RETURN_IF_ERROR(UseWal(*writing, path));
  AMAES_RETURN_IF_ERROR(files::Sync(folder));
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<Connection> reading, Connection::Open(path, /*read_only=*/true));
  return std::make_unique<SqliteStore>(std::move(lock), std::move(writing), std::move(reading));
}

}  // namespace amaes
