// The HTTP side of the coordinator: status pages, metrics, health.
#pragma once

#include <string>

#include "services/coordinator/dataset_pages.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/gauges.h"
#include "services/coordinator/http_server.h"

namespace amaes {

// Thread-safe.
class Pages {
 public:
  // `owner_only`: nobody but this machine's users sees them, so that pages may name subjects.
  Pages(Engine& engine, Gauges& gauges, Clock& clock, bool owner_only = true)
      : engine_(engine), gauges_(gauges), clock_(clock), owner_only_(owner_only), datasets_(engine) {}

  // /, /jobs/ID, /jobs/ID/picture, /jobs/ID/pictures/NAME, /datasets, /datasets/NAME/VERSION, /metrics, /healthz.
  HttpReply Handle(const std::string& path);

 private:
  HttpReply Overview();
  HttpReply Job(const std::string& id);
  HttpReply Picture(const std::string& id, const std::string& name);

  Engine& engine_;
  Gauges& gauges_;
  Clock& clock_;
  const bool owner_only_;
  DatasetPages datasets_;
};

}  // namespace amaes
