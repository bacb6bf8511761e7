// Plots of an evaluation as inline SVG. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/metrics/results.h"

namespace amaes {

// A row per region: every case as a dot, the quartiles as a box with the median as its line, the mean as a diamond. Cases
// without a number are told on the right. `measure`: index into Measures(). Colours are those of the page's style sheet.
std::string StripPlot(const EvaluationResults& results, std::size_t measure);

}  // namespace amaes
