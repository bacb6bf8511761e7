#include "libs/models/autocast.h"

#include <ATen/autocast_mode.h>

namespace amaes {

AutocastScope::AutocastScope(c10::DeviceType device, bool enabled) : device_(device), enabled_(enabled) {
  if (!enabled_) return;
  had_cache_ = at::autocast::is_autocast_cache_enabled();
  had_type_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::set_autocast_enabled(device_, true);
}

AutocastScope::~AutocastScope() {
  if (!enabled_) return;
  at::autocast::set_autocast_enabled(device_, false);
  at::autocast::set_autocast_dtype(device_, had_type_);
  at::autocast::set_autocast_cache_enabled(had_cache_);
}

}  // namespace amaes
