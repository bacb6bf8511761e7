// Whether volumes were prepared as a job needs them. Pure; contracts as canonical JSON (libs/volume/contract.h).
#pragma once

#include <string>

namespace amaes {

// Why volumes of `dataset` are not what a job with dataset.contract `wanted` reads ("" = any contract will do); "" when they are.
std::string ContractDefect(const std::string& wanted, const std::string& dataset, const std::string& contract_json);

// How the volumes that an encoder was trained on differ from those it will read: "was trained on volumes of contract …"; "" when
// they do not, or where nobody wrote down what it was trained on (an empty `trained_json`).
std::string ContractDifference(const std::string& trained_json, const std::string& read_json);

}  // namespace amaes
