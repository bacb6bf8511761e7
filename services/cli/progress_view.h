// What `job watch` shows. Pure: a job in, lines of text out.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/amaes/v1/jobs.pb.h"

namespace amaes {

struct ViewOptions {
  int width = 80;       // columns
  bool colour = false;  // ANSI colours
};

// The live block: title, bar with share and ETA, losses, speed, checkpoint age. Every line fits the width.
std::vector<std::string> RenderJob(const v1::Job& job, absl::Time now, const ViewOptions& options);

// The same as one plain line, for a log file; empty when nothing worth a line has changed since `previous` (state, reason,
// validation, checkpoint, or a further 5 % of the way).
std::string PlainLine(const v1::Job& job, const v1::Job& previous, absl::Time now);

// After the end: outcome, run time, last numbers, where things are.
std::string RenderOutcome(const v1::Job& job);

bool IsTerminalState(v1::JobState state);
std::string StateName(v1::JobState state);  // "RUNNING"

}  // namespace amaes
