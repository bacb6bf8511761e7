// An evaluation as one self-contained page.
#pragma once

#include <functional>
#include <string>

#include "libs/metrics/results.h"

namespace amaes {

// `picture`: the overlay of a case (OverlayPng) by its key; "" where there is none. The page has the summary (mean ± sd by
// region), plots, pictures of the worst, middle and best cases, every case's scores, and what the numbers mean. It names
// subjects and files: it is for the owner of the data.
std::string ReportHtml(const std::string& title, const EvaluationResults& results,
                       const std::function<std::string(const std::string& key)>& picture);

}  // namespace amaes
