#include "services/coordinator/coordinator.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"
#include "libs/rpc/server.h"
#include "services/coordinator/agent_service.h"
#include "services/coordinator/checkpoint_service.h"
#include "services/coordinator/dataset_changes.h"
#include "services/coordinator/dataset_service.h"
#include "services/coordinator/gauges.h"
#include "services/coordinator/http_server.h"
#include "services/coordinator/job_service.h"
#include "services/coordinator/log_service.h"
#include "services/coordinator/node_service.h"
#include "services/coordinator/pages.h"

namespace amaes {
namespace {

constexpr absl::Duration kTickPeriod = absl::Milliseconds(500);
// A change of a dataset that failed half-way is tried again so often.
constexpr absl::Duration kFinishPeriod = absl::Seconds(10);
// Unary calls under way are given this long when the coordinator stops.
constexpr absl::Duration kStopGrace = absl::Seconds(2);
constexpr char kAddressFile[] = "coordinator.json";
constexpr char kPidFile[] = "coordinator.pid";

absl::Status CheckAddress(const std::string& address, bool insecure) {
  AMAES_ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
  if (insecure || IsLoopback(parsed.host)) return absl::OkStatus();
  return ErrorWithReason(
      absl::StatusCode::kFailedPrecondition, "INSECURE_ADDRESS",
      absl::StrCat("'", address, "' can be reached from other machines, and there is no TLS and no login: ",
                   "say --insecure if the network is trusted, or listen on 127.0.0.1"),
      {{"address", address}});
}

std::string WithPort(const HostPort& address, int port) {
  const bool brackets = absl::StrContains(address.host, ':');
  return absl::StrCat(brackets ? "[" : "", address.host, brackets ? "]" : "", ":", port);
}

class RunningCoordinator final : public Coordinator {
 public:
  RunningCoordinator(const CoordinatorOptions& options, std::filesystem::path home)
      : home_(std::move(home)), clock_(options.clock == nullptr ? SystemClock() : *options.clock) {}

  absl::Status Open(const CoordinatorOptions& options) {
    AMAES_RETURN_IF_ERROR(CheckAddress(options.listen, options.insecure));
    if (!options.http.empty()) AMAES_RETURN_IF_ERROR(CheckAddress(options.http, options.insecure));
    for (const char* folder : {"store", "run", "jobs", "datasets", "volumes"}) {
      AMAES_RETURN_IF_ERROR(files::MakeFolders(home_ / folder));
    }
    AMAES_ASSIGN_OR_RETURN(store_, Store::Open(home_ / "store" / "amaes.db"));
    EngineOptions engine = options.engine;
    engine.home = home_;
    AMAES_ASSIGN_OR_RETURN(engine_, Engine::Create(engine, *store_, clock_, *metrics_));
    changes_ = std::make_unique<DatasetChanges>(*engine_, clock_);
    FinishChanges();
    ticker_ = std::thread([this] {
      absl::Duration tried = SystemClock().Monotonic();
      while (!engine_->stopped()) {
        engine_->Tick();
        if (SystemClock().Monotonic() - tried > kFinishPeriod) {
          FinishChanges();
          tried = SystemClock().Monotonic();
        }
        engine_->WaitForWork(kTickPeriod);
      }
    });
    AMAES_RETURN_IF_ERROR(Serve(options));
    return WriteAddresses();
  }

  ~RunningCoordinator() override {
    std::error_code ignored;
    if (announced_) {
      std::filesystem::remove(home_ / "run" / kAddressFile, ignored);
      std::filesystem::remove(home_ / "run" / kPidFile, ignored);
    }
    if (engine_ != nullptr) engine_->Stop();
    if (server_ != nullptr) server_->Stop(kStopGrace);
    http_.reset();
    if (ticker_.joinable()) ticker_.join();
  }

  const CoordinatorAddresses& addresses() const override { return addresses_; }

 private:
  void FinishChanges() {
    if (const absl::Status status = changes_->FinishPending(); !status.ok()) {
      LogError("coordinator", "cannot finish a change of a dataset; will try again", {{"error", status.message()}});
    }
  }

  absl::Status Serve(const CoordinatorOptions& options) {
    jobs_ = std::make_unique<JobServiceImpl>(*engine_);
    datasets_ = std::make_unique<DatasetServiceImpl>(*engine_, *changes_);
    checkpoints_ = std::make_unique<CheckpointServiceImpl>(*engine_);
    nodes_ = std::make_unique<NodeServiceImpl>(*engine_);
    logs_ = std::make_unique<LogServiceImpl>(*engine_);
    agents_ = std::make_unique<AgentServiceImpl>(*engine_);
    ServerOptions server;
    server.address = options.listen;
    server.services = {jobs_.get(), datasets_.get(), checkpoints_.get(), nodes_.get(), logs_.get(), agents_.get()};
    AMAES_ASSIGN_OR_RETURN(server_, RpcServer::Start(server));
    addresses_.grpc = WithPort(*ParseHostPort(options.listen), server_->port());
    if (options.http.empty()) return absl::OkStatus();
    gauges_ = std::make_unique<Gauges>(*engine_, *metrics_);
    const HostPort address = *ParseHostPort(options.http);
    pages_ = std::make_unique<Pages>(*engine_, *gauges_, clock_, IsLoopback(address.host));
    AMAES_ASSIGN_OR_RETURN(http_, HttpServer::Start(address.host, address.port,
                                                    [this](const std::string& path) { return pages_->Handle(path); }));
    addresses_.http = WithPort(address, http_->port());
    return absl::OkStatus();
  }

  absl::Status WriteAddresses() {
    addresses_.pid = getpid();
    const nlohmann::json json = {{"grpc", addresses_.grpc}, {"http", addresses_.http}, {"pid", addresses_.pid}};
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(home_ / "run" / kPidFile, absl::StrCat(addresses_.pid, "\n")));
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(home_ / "run" / kAddressFile, absl::StrCat(json.dump(), "\n")));
    announced_ = true;
    LogInfo("coordinator", "serving", {{"grpc", addresses_.grpc}, {"http", addresses_.http}});
    return absl::OkStatus();
  }

  const std::filesystem::path home_;
  Clock& clock_;
  const std::unique_ptr<Metrics> metrics_ = MakePrometheusMetrics();
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<DatasetChanges> changes_;
  std::unique_ptr<JobServiceImpl> jobs_;
  std::unique_ptr<DatasetServiceImpl> datasets_;
  std::unique_ptr<CheckpointServiceImpl> checkpoints_;
  std::unique_ptr<NodeServiceImpl> nodes_;
  std::unique_ptr<LogServiceImpl> logs_;
  std::unique_ptr<AgentServiceImpl> agents_;
  std::unique_ptr<Gauges> gauges_;
  std::unique_ptr<Pages> pages_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<HttpServer> http_;
  std::thread ticker_;
  CoordinatorAddresses addresses_;
  bool announced_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(const CoordinatorOptions& options) {
  std::error_code error;
  const std::filesystem::path home = std::filesystem::absolute(options.home, error).lexically_normal();
  if (error || options.home.empty()) return absl::InvalidArgumentError("no home folder is given");
  auto coordinator = std::make_unique<RunningCoordinator>(options, home);
  AMAES_RETURN_IF_ERROR(coordinator->Open(options));
  return coordinator;
}

absl::Status RunCoordinator(const CoordinatorOptions& given) {
  StopToken own;
  CoordinatorOptions options = given;
  StopToken& stop = options.stop == nullptr ? own : *options.stop;
  if (options.handle_signals) StopOnSignals(&stop);
  Mutex mutex;
  absl::Status failure;
  options.engine.on_store_failure = [&](const absl::Status& status) {
    // Better to end than to go on without a store: whoever supervises this process starts it again.
    LogError("coordinator", "the store fails; ending", {{"error", status.message()}});
    MutexLock lock(mutex);
    failure.Update(status);
    stop.Request();
  };
  {
    const absl::StatusOr<std::unique_ptr<Coordinator>> coordinator = Coordinator::Start(options);
    if (coordinator.ok()) {
      if (options.on_ready) options.on_ready((*coordinator)->addresses());
      stop.Wait();
      LogInfo("coordinator", "stopping");
    } else {
      MutexLock lock(mutex);
      failure.Update(coordinator.status());
    }
  }
  if (options.handle_signals) StopOnSignals(nullptr);
  MutexLock lock(mutex);
  return failure;
}

absl::StatusOr<CoordinatorAddresses> ReadCoordinatorAddresses(const std::filesystem::path& home) {
  const std::filesystem::path path = home / "run" / kAddressFile;
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(path));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is = [&](const char* key, bool (nlohmann::json::*type)() const noexcept) {
    return json.is_object() && json.contains(key) && (json[key].*type)();
  };
  if (!is("grpc", &nlohmann::json::is_string) || !is("http", &nlohmann::json::is_string) ||
      !is("pid", &nlohmann::json::is_number_integer)) {
    return absl::DataLossError(absl::StrCat(path.string(), " is damaged"));
  }
  return CoordinatorAddresses{json["grpc"].get<std::string>(), json["http"].get<std::string>(), json["pid"].get<int>()};
}

}  // namespace amaes
