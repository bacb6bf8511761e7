// What an audit found, in words. Pure.
#pragma once

#include <string>

#include "proto/amaes/v1/jobs.pb.h"

namespace amaes {

// Lines, each ended. First what it comes to: "PROVED …" or "NOT PROVED …".
std::string RenderAudit(const v1::AuditReport& report);

}  // namespace amaes
