// The HTTP side of the coordinator: status pages, metrics, health.
#pragma once

#include <string>

#include "services/coordinator/engine.h"
#include "services/coordinator/gauges.h"
#include "services/coordinator/http_server.h"

namespace amaes {

// Thread-safe.
class Pages {
 public:
  Pages(Engine& engine, Gauges& gauges, Clock& clock) : engine_(engine), gauges_(gauges), clock_(clock) {}

  // /, /jobs/ID, /jobs/ID/picture, /metrics, /healthz.
  HttpReply Handle(const std::string& path);

 private:
  HttpReply Overview();
  HttpReply Job(const std::string& id);
  HttpReply Picture(const std::string& id);

  Engine& engine_;
  Gauges& gauges_;
  Clock& clock_;
};

}  // namespace amaes
