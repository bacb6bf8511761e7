// A small HTTP server for GET requests. No gRPC here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace amaes {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // `handler` gets the path, decoded, without the query; called from several threads. Port 0: any free one.
  //   - Unavailable: the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& host, int port,
                                                           std::function<HttpReply(const std::string&)> handler);
  virtual ~HttpServer() = default;  // ends the requests under way and joins
  virtual int port() const = 0;
};

}  // namespace amaes
