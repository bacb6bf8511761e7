// A whole coordinator on free ports of the loopback address.
#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/rpc/client.h"
#include "libs/store/store.h"
#include "libs/volume/contract.h"
#include "proto/amaes/v1/checkpoints.grpc.pb.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "proto/amaes/v1/logs.grpc.pb.h"
#include "proto/amaes/v1/nodes.grpc.pb.h"
#include "services/coordinator/coordinator.h"
#include "tests/integration/coordinator/scripted_agent.h"

namespace amaes {

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    DatasetRecord record;
    record.name = "brains";
    record.version = 1;
    record.digest = "digest-1";
    record.contract_json = ContractJson(Contract());
    record.volumes = record.training_volumes = 20;
    record.created = absl::FromUnixSeconds(1'800'000'000);
    {
      absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
      EXPECT_OK(store);
      EXPECT_OK((*store)->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(record); }));
    }
    StartCoordinator();
  }

  void StartCoordinator() {
    CoordinatorOptions options;
    options.home = home_.path();
    options.listen = options.http = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<Coordinator>> coordinator = Coordinator::Start(options);
    ASSERT_OK(coordinator);
    coordinator_ = *std::move(coordinator);
    channel_ = MakeChannel(address());
    jobs_ = v1::JobService::NewStub(channel_);
  }

  const std::string& address() const { return coordinator_->addresses().grpc; }

  static v1::CreateJobRequest Request(int workers, const std::string& request_id) {
    v1::CreateJobRequest request;
    request.set_request_id(request_id);
    v1::PretrainSpec* spec = request.mutable_spec()->mutable_pretrain();
    spec->mutable_dataset()->set_name("brains");
    spec->set_workers(workers);
    spec->mutable_schedule()->set_steps(100);
    spec->set_device("cpu");
    return request;
  }

  std::string Submit(int workers = 1) {
    const auto response = Call(*jobs_, &v1::JobService::Stub::CreateJob, Request(workers, NewRequestId()));
    EXPECT_OK(response);
    return response.ok() ? response->job().id() : "";
  }

  absl::StatusOr<v1::Job> Get(const std::string& id) {
    v1::GetJobRequest request;
    request.set_id(id);
    return Call(*jobs_, &v1::JobService::Stub::GetJob, request);
  }

  std::vector<std::string> EventKinds(const std::string& id) {
    v1::ListJobEventsRequest request;
    request.set_id(id);
    const auto response = Call(*jobs_, &v1::JobService::Stub::ListJobEvents, request);
    EXPECT_OK(response);
    std::vector<std::string> kinds;
    if (!response.ok()) return kinds;
    for (const v1::JobEvent& event : response->events()) kinds.push_back(event.kind());
    return kinds;
  }

  void WriteLog(const std::string& id, const std::string& name, const std::string& text) {
    const std::filesystem::path folder = home_.path() / "jobs" / id / "logs";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name, std::ios::app) << text;
  }

  TempDir home_;
  std::unique_ptr<Coordinator> coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

}  // namespace amaes
