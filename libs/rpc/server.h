// A gRPC server with this project's settings: 4 MiB messages, keepalive, the standard health and reflection services.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace amaes {

struct ServerOptions {
  std::string address;                   // HOST:PORT; port 0: any free one
  std::vector<grpc::Service*> services;  // outlive the server
  int max_threads = 4096;                // handlers that block at once, streams included
};

class RpcServer {
 public:
  // Serves as soon as it returns, and says so in grpc.health.v1.Health for "".
  //   - Unavailable: the address cannot be bound.   - InvalidArgument: not HOST:PORT.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const ServerOptions& options);
  ~RpcServer();

  int port() const { return port_; }
  // Says NOT_SERVING, takes no more calls, and cancels those that still run after `grace`. Returns when all have ended.
  void Stop(absl::Duration grace);

 private:
  RpcServer() = default;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

struct HostPort {
  std::string host;
  int port = 0;
};
// "127.0.0.1:7070", "[::1]:0", "localhost:7070".   - InvalidArgument.
absl::StatusOr<HostPort> ParseHostPort(const std::string& address);
// 127.0.0.0/8, ::1, localhost.
bool IsLoopback(const std::string& host);

}  // namespace amaes
