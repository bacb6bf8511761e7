// Where the ticks of an axis stand, and what is written beside them. Pure.
#pragma once

#include <string>
#include <vector>

namespace amaes {

struct Tick {
  double value = 0;
  std::string label;  // "" = a small tick
};

// Multiples of 1, 2 or 5 times a power of ten inside [low, high]; about `wanted` of them. low < high.
std::vector<Tick> LinearTicks(double low, double high, int wanted);

// For a logarithmic axis, 0 < low < high: decades, with 1-2-5 steps where there are few, and round steps where there is
// none.
std::vector<Tick> LogTicks(double low, double high);

// "0.05", "1e-5"; whole numbers from 1000 with commas: "276,900".
std::string TickLabel(double value);

}  // namespace amaes
