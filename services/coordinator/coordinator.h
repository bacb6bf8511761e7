// The coordinator: store, engine, gRPC and HTTP in one process.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/stop_token.h"

namespace amaes {

// What home/run/coordinator.json says: {"grpc": "127.0.0.1:7070", "http": "127.0.0.1:7071", "pid": 1234}.
struct CoordinatorAddresses {
  std::string grpc, http;  // HOST:PORT with the ports that were chosen; http may be empty
  int pid = 0;             // of the coordinator
};

struct CoordinatorOptions {
  std::filesystem::path home;             // made if it is not there
  std::string listen = "127.0.0.1:7070";  // gRPC; port 0: any free one
  std::string http = "127.0.0.1:7071";    // "" = none
  bool insecure = false;                  // allow addresses beyond loopback, without TLS
  StopToken* stop = nullptr;              // RunCoordinator ends when it is requested, or on SIGTERM and SIGINT
  bool handle_signals = true;
  std::function<void(const CoordinatorAddresses&)> on_ready;
  Clock* clock = nullptr;  // default: the system's
  EngineOptions engine;    // `home` is filled in
};

class Coordinator {
 public:
  // Serves when it returns.
  //   - InvalidArgument: an address that is none.   - FailedPrecondition: INSECURE_ADDRESS, or the store is in use.
  //   - Unavailable: a port is taken.   - errors of the store.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Start(const CoordinatorOptions& options);
  // Takes no more calls, ends the streams, closes the store. Workers and agents go on.
  virtual ~Coordinator() = default;
  virtual const CoordinatorAddresses& addresses() const = 0;
};

// Runs until asked to stop.   - errors of Start; DataLoss, Unavailable, ResourceExhausted: its store failed.
absl::Status RunCoordinator(const CoordinatorOptions& options);

// What a running coordinator under `home` wrote.   - NotFound: none has started there.   - DataLoss.
absl::StatusOr<CoordinatorAddresses> ReadCoordinatorAddresses(const std::filesystem::path& home);

}  // namespace amaes
