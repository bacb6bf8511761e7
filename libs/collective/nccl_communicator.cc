#include "libs/collective/nccl_communicator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/collective/buffers.h"
#include "libs/collective/nccl_handle.h"

namespace amaes {

NcclCommunicator::NcclCommunicator(const CommunicatorOptions& options, NcclEnvironment environment)
    : options_(options), environment_(std::move(environment)), api_(environment_.api) {}

absl::StatusOr<std::unique_ptr<NcclCommunicator>> NcclCommunicator::Create(const CommunicatorOptions& options,
                                                                           RendezvousStore& store,
                                                                           NcclEnvironment environment) {
  std::unique_ptr<NcclCommunicator> out(new NcclCommunicator(options, std::move(environment)));
  AMAES_RETURN_IF_ERROR(Annotate(out->Join(store), absl::StrCat("nccl: rank ", options.rank)));
  if (out->environment_.watchdog_period > absl::ZeroDuration()) {
    out->watchdog_ = std::thread([communicator = out.get()] { communicator->Watch(); });
  }
  return out;
}

absl::StatusOr<NcclId> NcclCommunicator::MeetAt(RendezvousStore& store) {
  const std::string key = absl::StrCat("attempt/", options_.attempt, "/nccl/id");
  if (options_.rank == 0) {
    AMAES_ASSIGN_OR_RETURN(const NcclId id, api_.make_id());
    AMAES_RETURN_IF_ERROR(store.Set(key, std::string(id.data(), id.size())));
    return id;
  }
  auto value = store.Wait(key, options_.start_timeout);
  if (!value.ok()) return Annotate(value.status(), "rank 0 did not come");
  NcclId id;
  if (value->size() != id.size()) {
    return absl::InternalError(absl::StrCat("rank 0 published an id of ", value->size(), " bytes"));
  }
  std::copy(value->begin(), value->end(), id.begin());
  return id;
}

absl::Status NcclCommunicator::Join(RendezvousStore& store) {
  AMAES_RETURN_IF_ERROR(api_.enter_thread());
  AMAES_ASSIGN_OR_RETURN(const NcclId id, MeetAt(store));
  AMAES_ASSIGN_OR_RETURN(const NcclComm comm, api_.init(options_.world_size, id, options_.rank));
  handle_ = std::make_shared<NcclHandle>(api_, comm);
  const absl::Status joined =
      WaitUntilReady(options_.start_timeout, absl::StrCat("to meet ", options_.world_size, " ranks"));
  if (!joined.ok()) return Break(joined);
  auto stream = api_.make_stream();
  if (!stream.ok()) return Break(stream.status());
  stream_ = *stream;
  return absl::OkStatus();
}

absl::Status NcclCommunicator::WaitUntilReady(absl::Duration timeout, absl::string_view what) {
  const absl::Duration deadline = environment_.clock->Monotonic() + timeout;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool ready,
                           handle_->Use([](const NcclApi& api, NcclComm comm) { return api.ready(comm); }));
    if (ready) return absl::OkStatus();
    if (environment_.clock->Monotonic() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("waited ", absl::FormatDuration(timeout), " ", what));
    }
    environment_.pause();
  }
}

absl::Status NcclCommunicator::FirstError() {
  MutexLock lock(mutex_);
  return error_;
}

absl::Status NcclCommunicator::Break(const absl::Status& status) {
  MutexLock lock(mutex_);
  return BreakLocked(status);
}

// The error stands before the abort begins: who sees a collective end because of the abort also sees the error.
absl::Status NcclCommunicator::BreakLocked(const absl::Status& status) {
  if (error_.ok()) error_ = status;
  NcclHandle::BeginAbort(handle_, environment_.abort_timeout / 2);
  return error_;
}

absl::StatusOr<NcclCommunicator::Events> NcclCommunicator::TakeEvents() {
  Events events;
  {
    MutexLock lock(mutex_);
    if (!free_events_.empty()) {
      events = free_events_.back();
      free_events_.pop_back();
      return events;
    }
  }
  for (GpuEvent* event : {&events.compute_done, &events.begun, &events.ended}) {
    AMAES_ASSIGN_OR_RETURN(*event, api_.make_event());
    all_events_.push_back(*event);
  }
  return events;
}

absl::StatusOr<Communicator::Ticket> NcclCommunicator::Start(Buffer buffer, std::optional<int> root) {
  AMAES_RETURN_IF_ERROR(CheckBuffer(buffer));
  AMAES_RETURN_IF_ERROR(FirstError());
  const std::string where = absl::StrCat("nccl: rank ", options_.rank);
  auto events = TakeEvents();
  if (!events.ok()) return Break(Annotate(events.status(), where));
  if (absl::Status status = Enqueue(buffer, root, *events); !status.ok()) return Break(Annotate(status, where));
  MutexLock lock(mutex_);
  if (!error_.ok()) return error_;
  const std::string name = absl::StrCat(root.has_value() ? "broadcast " : "all-reduce ", started_, " (",
                                        buffer.count * BytesPerElement(buffer.type), " bytes)");
  in_flight_.push_back({started_, *events, name, std::nullopt});
  return started_++;
}

absl::Status NcclCommunicator::Enqueue(const Buffer& buffer, std::optional<int> root, const Events& events) {
  AMAES_RETURN_IF_ERROR(api_.record(events.compute_done, api_.compute_stream()));
  AMAES_RETURN_IF_ERROR(api_.wait_for(stream_, events.compute_done));
  AMAES_RETURN_IF_ERROR(api_.record(events.begun, stream_));
  AMAES_RETURN_IF_ERROR(handle_->Use([&](const NcclApi& api, NcclComm comm) {
    return root.has_value() ? api.broadcast(comm, buffer, *root, stream_) : api.all_reduce_sum(comm, buffer, stream_);
  }));
  // The first collectives make connections in the background: before that is done the work is not on the stream.
  AMAES_RETURN_IF_ERROR(WaitUntilReady(options_.collective_timeout, "for NCCL to start a collective"));
  return api_.record(events.ended, stream_);
}

absl::StatusOr<Communicator::Ticket> NcclCommunicator::StartAllReduceSum(Buffer buffer) {
  return Start(buffer, std::nullopt);
}

absl::Status NcclCommunicator::Wait(Ticket ticket) {
  GpuEvent ended = nullptr;
  {
    MutexLock lock(mutex_);
    if (!error_.ok()) return error_;
    if (ticket < 0 || ticket >= started_) {
      return absl::InvalidArgumentError(absl::StrCat("nccl: no collective has ticket ", ticket));
    }
    if (in_flight_.empty() || ticket < in_flight_.front().ticket) return absl::OkStatus();
    ended = in_flight_[static_cast<std::size_t>(ticket - in_flight_.front().ticket)].events.ended;
  }
  // The event may be done and free by now; only this thread uses it again.
  if (absl::Status status = api_.wait_for(api_.compute_stream(), ended); !status.ok()) return Break(status);
  return absl::OkStatus();
}

absl::Status NcclCommunicator::Synchronize() {
  while (true) {
    Poll();
    {
      MutexLock lock(mutex_);
      if (!error_.ok() || in_flight_.empty()) return error_;
    }
    environment_.pause();
  }
}

absl::Status NcclCommunicator::Broadcast(Buffer buffer, int root) {
  AMAES_RETURN_IF_ERROR(CheckRoot(root, options_.world_size));
  AMAES_ASSIGN_OR_RETURN(const Ticket ticket, Start(buffer, root));
  AMAES_RETURN_IF_ERROR(Wait(ticket));
  return Synchronize();
}

void NcclCommunicator::Abort(absl::string_view reason) {
  (void)Break(absl::AbortedError(absl::StrCat("aborted: ", reason)));
}

void NcclCommunicator::Poll() {
  MutexLock lock(mutex_);
  if (!error_.ok()) return;
  if (absl::Status status = Look(); !status.ok()) {
    (void)BreakLocked(Annotate(status, absl::StrCat("nccl: rank ", options_.rank)));
  }
}

absl::Status NcclCommunicator::Look() {
  auto ready = handle_->Use([](const NcclApi& api, NcclComm comm) { return api.ready(comm); });
  if (!ready.ok()) {
    if (in_flight_.empty()) return ready.status();
    return Annotate(ready.status(), in_flight_.front().name);
  }
  bool front_done = true;
  while (!in_flight_.empty() && front_done) {
    AMAES_RETURN_IF_ERROR(Annotate(LookAtFront(front_done), in_flight_.front().name));
    if (!front_done) break;
    free_events_.push_back(in_flight_.front().events);
    in_flight_.pop_front();
  }
  return absl::OkStatus();
}

absl::Status NcclCommunicator::LookAtFront(bool& front_done) {
  Collective& front = in_flight_.front();
  AMAES_ASSIGN_OR_RETURN(front_done, api_.done(front.events.ended));
  if (front_done) return absl::OkStatus();
  const absl::Duration now = environment_.clock->Monotonic();
  if (!front.begun_at.has_value()) {
    AMAES_ASSIGN_OR_RETURN(const bool begun, api_.done(front.events.begun));
    if (begun) front.begun_at = now;
  } else if (now - *front.begun_at >= options_.collective_timeout) {
    return absl::DeadlineExceededError(
        absl::StrCat("not done within ", absl::FormatDuration(options_.collective_timeout)));
  }
  return absl::OkStatus();
}

void NcclCommunicator::Watch() {
  if (absl::Status status = api_.enter_thread(); !status.ok()) {
    (void)Break(status);
    return;
  }
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!stop_) stopping_.WaitFor(mutex_, environment_.watchdog_period);
      if (stop_) return;
    }
    Poll();
  }
}

// Finalize and destroy, or an abort if anything is or goes wrong.
void NcclCommunicator::End() {
  Poll();
  {
    MutexLock lock(mutex_);
    if (!in_flight_.empty()) {
      (void)BreakLocked(absl::AbortedError("communicator destroyed with collectives in flight"));
    }
    if (!error_.ok()) return;
  }
  absl::Status status = handle_->Use([](const NcclApi& api, NcclComm comm) { return api.finalize(comm); });
  if (status.ok()) status = WaitUntilReady(options_.collective_timeout, "for NCCL to finalize");
  if (status.ok()) status = handle_->Use([](const NcclApi& api, NcclComm comm) { return api.destroy(comm); });
  if (!status.ok()) (void)Break(status);
}

NcclCommunicator::~NcclCommunicator() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    stopping_.NotifyAll();
  }
  if (watchdog_.joinable()) watchdog_.join();
  if (handle_ == nullptr) return;
  End();
  if (!FirstError().ok() && !handle_->WaitForAbort(environment_.abort_timeout)) {
    environment_.log_error(absl::StrCat("nccl: abort did not return within ",
                                        absl::FormatDuration(environment_.abort_timeout), "; end the process"));
    return;  // events and stream may be in use for ever
  }
  for (GpuEvent event : all_events_) api_.free_event(event);
  if (stream_ != nullptr) api_.free_stream(stream_);
}

}  // namespace amaes
