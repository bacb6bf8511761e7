// Shell completion scripts, made from the command tree itself, so that they cannot fall behind it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace amaes {

// shell: bash, zsh or fish.
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace amaes
