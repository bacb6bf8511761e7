#include "libs/dataset/json_fields.h"

namespace amaes {

bool CanBeJson(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace amaes
