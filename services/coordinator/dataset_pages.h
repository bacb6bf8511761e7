// The pages of datasets. They show subjects and files: for the owner's machine alone.
#pragma once

#include <string>
#include <vector>

#include "services/coordinator/engine.h"
#include "services/coordinator/http_server.h"

namespace amaes {

// Links to the pages of versions that have their files. Pure.
std::string DatasetsTable(const std::vector<DatasetRecord>& datasets);

// Thread-safe.
class DatasetPages {
 public:
  explicit DatasetPages(Engine& engine) : engine_(engine) {}

  HttpReply List();
  // The report of NAME/VERSION with its contact sheet. It is made once and kept beside the catalogue.
  HttpReply Report(const std::string& name_and_version);

 private:
  Engine& engine_;
  Mutex mutex_;  // one page is made at a time
};

HttpReply PageNotFound(const std::string& what);

}  // namespace amaes
