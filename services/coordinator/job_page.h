// The page of one job, and what it shares with the overview. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/store/records.h"
#include "services/coordinator/engine_types.h"
#include "services/coordinator/job_pictures.h"

namespace amaes {

struct JobPageData {
  JobView job;
  std::vector<AttemptRecord> attempts;
  std::vector<CheckpointRecord> checkpoints;  // newest first
  std::vector<EventRecord> events;            // oldest first
  std::vector<JobPicture> pictures;           // as ListPictures
};

std::string JobPageBody(const JobPageData& data);

std::string StateBadge(JobState state);
std::string ProgressLabel(const JobView& job);  // "step 120 of 500"
std::string CheckpointsTable(const std::vector<CheckpointRecord>& checkpoints);

}  // namespace amaes
