#include "services/coordinator/http_server.h"

#include <httplib.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

constexpr int kThreads = 4;
constexpr int kTimeoutSeconds = 5;

class HttplibServer final : public HttpServer {
 public:
  explicit HttplibServer(std::function<HttpReply(const std::string&)> handler) : handler_(std::move(handler)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // A thread serves one connection at a time: browsers that keep theirs open must not take them all.
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_payload_max_length(1024);
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const HttpReply reply = handler_(request.path);
      response.status = reply.status;
      response.set_header("X-Content-Type-Options", "nosniff");
      response.set_header("Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:");
      response.set_content(reply.body, reply.content_type);
    });
  }

  ~HttplibServer() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& host, int port) {
    // httplib sets SO_REUSEPORT by itself; a second coordinator on one port must fail.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    const bool bound = port == 0 ? (port_ = server_.bind_to_any_port(host)) > 0 : server_.bind_to_port(host, port);
    if (!bound)
      return absl::UnavailableError(absl::StrCat("cannot listen on ", host, ":", port, ": is the port taken?"));
    if (port != 0) port_ = port;
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
    // stop() does nothing before this.
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  const std::function<HttpReply(const std::string&)> handler_;
  httplib::Server server_;
  int port_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, int port,
                                                              std::function<HttpReply(const std::string&)> handler) {
  auto server = std::make_unique<HttplibServer>(std::move(handler));
  if (const absl::Status status = server->Listen(host, port); !status.ok()) return status;
  return server;
}

}  // namespace amaes
