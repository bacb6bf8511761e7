#include "libs/collective/gloo_mesh.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gloo/transport/pair.h"
#include "gloo/transport/tcp/device.h"
#include "libs/base/status_macros.h"
#include "libs/collective/buffers.h"

namespace amaes {

namespace {

using SteadyClock = std::chrono::steady_clock;

// Without the "[file:line] " in front.
std::string Message(const std::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return !text.empty() && text[0] == '[' && end != std::string::npos ? text.substr(end + 2) : text;
}

// Gloo writes to its sockets with writev: a lost peer would kill the process. Threads that Gloo makes inherit the mask.
class BlockBrokenPipeSignal {
 public:
  BlockBrokenPipeSignal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~BlockBrokenPipeSignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

std::string Key(const CommunicatorOptions& options, int rank) {
  return absl::StrCat("attempt/", options.attempt, "/gloo/", rank);
}

// The elements that rank `part` sums: [begin, end).
struct Part {
  std::int64_t begin, end;
};
Part PartOf(std::int64_t count, int part, int parts) {
  return {count / parts * part + count % parts * part / parts,
          count / parts * (part + 1) + count % parts * (part + 1) / parts};
}

}  // namespace

absl::StatusOr<std::unique_ptr<GlooMesh>> GlooMesh::Connect(const CommunicatorOptions& options,
                                                            RendezvousStore& store) {
  if (options.bind_address.empty() || options.bind_address == "0.0.0.0" || options.bind_address == "::") {
    return absl::InvalidArgumentError(
        absl::StrCat("gloo: bind_address \"", options.bind_address, "\" is none that peers can dial"));
  }
  const BlockBrokenPipeSignal block;
  const auto timeout = absl::ToChronoMilliseconds(options.start_timeout);
  const SteadyClock::time_point deadline = SteadyClock::now() + timeout;
  std::unique_ptr<GlooMesh> mesh(new GlooMesh(options));
  int peer = options.rank;
  try {
    gloo::transport::tcp::attr attributes(options.bind_address.c_str());
    mesh->device_ = gloo::transport::tcp::CreateDevice(attributes);
    mesh->context_ = mesh->device_->createContext(options.rank, options.world_size);
    // Gloo waits five times this long for a connection.
    mesh->context_->setTimeout(std::max(timeout / 5, std::chrono::milliseconds(1)));
    std::string addresses;  // of this rank's listening sockets: one for each rank, of equal size
    for (int i = 0; i < options.world_size; ++i) {
      if (i == options.rank) continue;
      const std::vector<char> address = mesh->context_->createPair(i)->address().bytes();
      addresses.append(address.data(), address.size());
    }
    AMAES_RETURN_IF_ERROR(store.Set(Key(options, options.rank), addresses));
    std::vector<std::string> theirs(options.world_size);
    for (int i = 0; i < options.world_size; ++i) {
      if (i == options.rank) continue;
      const absl::Duration left = absl::FromChrono(deadline - SteadyClock::now());
      auto value = store.Wait(Key(options, i), std::max(left, absl::ZeroDuration()));
      if (!value.ok()) return Annotate(value.status(), absl::StrCat("gloo: rank ", i, " did not come"));
      if (value->empty() || value->size() != addresses.size()) {
        return absl::InternalError(absl::StrCat("gloo: rank ", i, " published ", value->size(), " bytes of addresses"));
      }
      theirs[i] = *std::move(value);
    }
    for (peer = 0; peer < options.world_size; ++peer) {
      if (peer == options.rank) continue;
      const std::size_t size = theirs[peer].size() / (options.world_size - 1);
      const std::size_t slot = options.rank < peer ? options.rank : options.rank - 1;
      const auto begin = theirs[peer].begin() + slot * size;
      mesh->context_->getPair(peer)->connect(std::vector<char>(begin, begin + size));
    }
  } catch (const std::exception& error) {
    const std::string text = peer == options.rank
                                 ? absl::StrCat("gloo: cannot listen on ", options.bind_address, ": ", Message(error))
                                 : absl::StrCat("gloo: cannot connect to rank ", peer, ": ", Message(error));
    if (SteadyClock::now() >= deadline) return absl::DeadlineExceededError(text);
    return absl::UnavailableError(text);
  }
  AMAES_RETURN_IF_ERROR(mesh->Meet(absl::FromChrono(deadline - SteadyClock::now())));
  return mesh;
}

// The transfers of one collective. Abort ends them; the destructor waits until Gloo touches no memory of theirs.
class GlooMesh::Exchange {
 public:
  Exchange(GlooMesh& mesh, std::string name, absl::Duration timeout)
      : mesh_(mesh),
        name_(std::move(name)),
        timeout_(timeout),
        deadline_(SteadyClock::now() + absl::ToChronoMilliseconds(timeout)) {}
  ~Exchange() {
    MutexLock lock(mesh_.mutex_);
    mesh_.in_flight_.clear();
  }

  void Send(int peer, void* data, std::size_t bytes, std::uint64_t slot) {
    if (bytes > 0) Add(peer, data, bytes, true).send(peer, slot);
  }
  void Receive(int peer, void* data, std::size_t bytes, std::uint64_t slot) {
    if (bytes > 0) Add(peer, data, bytes, false).recv(peer, slot);
  }
  // Waits for all transfers begun since the last call.
  void WaitAll() {
    for (; waited_ < transfers_.size(); ++waited_) {
      Transfer& transfer = transfers_[waited_];
      peer_ = transfer.peer;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
      const auto timeout = std::max(left, std::chrono::milliseconds(1));
      const bool done = transfer.is_send ? transfer.buffer->waitSend(timeout) : transfer.buffer->waitRecv(timeout);
      if (!done) throw std::runtime_error("aborted");
    }
  }
  // Runs `body`, which may throw what Gloo throws.
  absl::Status Run(const std::function<void()>& body) {
    try {
      body();
      return absl::OkStatus();
    } catch (const std::exception& error) {
      {
        MutexLock lock(mesh_.mutex_);
        if (mesh_.aborted_) return absl::AbortedError(absl::StrCat(Where(), ": aborted"));
      }
      if (SteadyClock::now() >= deadline_) {
        return absl::DeadlineExceededError(
            absl::StrCat(Where(), ": not done within ", absl::FormatDuration(timeout_), ", waiting for rank ", peer_));
      }
      return absl::UnavailableError(absl::StrCat(Where(), ": lost rank ", peer_, ": ", Message(error)));
    }
  }

 private:
  struct Transfer {
    std::unique_ptr<gloo::transport::UnboundBuffer> buffer;
    int peer;
    bool is_send;
  };

  std::string Where() const { return absl::StrCat("gloo: rank ", mesh_.options_.rank, ": ", name_); }

  gloo::transport::UnboundBuffer& Add(int peer, void* data, std::size_t bytes, bool is_send) {
    peer_ = peer;
    auto buffer = mesh_.context_->createUnboundBuffer(data, bytes);
    gloo::transport::UnboundBuffer& reference = *buffer;
    transfers_.push_back({std::move(buffer), peer, is_send});
    MutexLock lock(mesh_.mutex_);
    if (mesh_.aborted_) throw std::runtime_error("aborted");
    mesh_.in_flight_.push_back(&reference);
    return reference;
  }

  GlooMesh& mesh_;
  const std::string name_;
  const absl::Duration timeout_;
  const SteadyClock::time_point deadline_;
  std::vector<Transfer> transfers_;
  std::size_t waited_ = 0;
  int peer_ = -1;  // whom this rank waits for, for messages
};

// No rank leaves before all are connected: one that then ends at once would leave its peers waiting for a connection.
absl::Status GlooMesh::Meet(absl::Duration timeout) {
  constexpr std::uint64_t kSlot = ~std::uint64_t{0};
  char mine = 0;
  std::vector<char> theirs(options_.world_size);
  Exchange exchange(*this, "meeting", timeout);
  return exchange.Run([&] {
    for (int peer = 0; peer < options_.world_size; ++peer) {
      if (peer == options_.rank) continue;
      exchange.Receive(peer, &theirs[peer], 1, kSlot);
      exchange.Send(peer, &mine, 1, kSlot);
    }
    exchange.WaitAll();
  });
}

absl::Status GlooMesh::AllReduceSum(const Buffer& buffer, std::uint64_t sequence) {
  if (options_.world_size == 1 || buffer.count == 0) return absl::OkStatus();
  Exchange exchange(*this, absl::StrCat("all-reduce ", sequence), options_.collective_timeout);
  return exchange.Run([&] { AllReduceParts(buffer, sequence, exchange); });
}

void GlooMesh::AllReduceParts(const Buffer& buffer, std::uint64_t sequence, Exchange& exchange) {
  const int ranks = options_.world_size;
  const std::size_t element = BytesPerElement(buffer.type);
  char* const data = static_cast<char*>(buffer.data);
  const Part mine = PartOf(buffer.count, options_.rank, ranks);
  char* const my_data = data + mine.begin * element;
  const std::size_t my_bytes = (mine.end - mine.begin) * element;
  scratch_.resize(std::max(scratch_.size(), my_bytes * (ranks - 1)));

  const std::uint64_t summands = 2 * sequence, sums = 2 * sequence + 1;
  std::vector<const void*> inputs(ranks, my_data);
  for (int peer = 0, next = 0; peer < ranks; ++peer) {
    if (peer == options_.rank) continue;
    char* const theirs = scratch_.data() + my_bytes * next++;
    inputs[peer] = theirs;
    exchange.Receive(peer, theirs, my_bytes, summands);
  }
  const auto for_each_peer_part = [&](const auto& use) {
    for (int peer = 0; peer < ranks; ++peer) {
      const Part part = PartOf(buffer.count, peer, ranks);
      if (peer != options_.rank) use(peer, data + part.begin * element, (part.end - part.begin) * element);
    }
  };
  for_each_peer_part([&](int peer, char* at, std::size_t bytes) { exchange.Send(peer, at, bytes, summands); });
  exchange.WaitAll();
  SumInRankOrder(inputs.data(), ranks, my_data, mine.end - mine.begin, buffer.type);
  for_each_peer_part([&](int peer, char* at, std::size_t bytes) {
    exchange.Receive(peer, at, bytes, sums);
    exchange.Send(peer, my_data, my_bytes, sums);
  });
  exchange.WaitAll();
}

absl::Status GlooMesh::Broadcast(const Buffer& buffer, int root, std::uint64_t sequence) {
  if (options_.world_size == 1 || buffer.count == 0) return absl::OkStatus();
  Exchange exchange(*this, absl::StrCat("broadcast ", sequence), options_.collective_timeout);
  const std::size_t bytes = buffer.count * BytesPerElement(buffer.type);
  return exchange.Run([&] {
    if (options_.rank != root) exchange.Receive(root, buffer.data, bytes, 2 * sequence);
    for (int peer = 0; peer < options_.world_size && options_.rank == root; ++peer) {
      if (peer != root) exchange.Send(peer, buffer.data, bytes, 2 * sequence);
    }
    exchange.WaitAll();
  });
}

void GlooMesh::Abort() {
  MutexLock lock(mutex_);
  aborted_ = true;
  for (gloo::transport::UnboundBuffer* buffer : in_flight_) {
    buffer->abortWaitRecv();
    buffer->abortWaitSend();
  }
  for (int peer = 0; peer < options_.world_size; ++peer) {
    if (peer != options_.rank) context_->getPair(peer)->close();
  }
}

}  // namespace amaes
